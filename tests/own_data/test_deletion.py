"""An account that is deleted: nothing that was written stays anywhere, and no rank, mean or decision moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from gradus import private_files, retention
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.classes import dates
from gradus.courses.models import Challenge, Course
from gradus.gradebook import cells
from gradus.gradebook import services as grades
from gradus.gradebook.models import Cell, Override
from gradus.leaderboards import boards
from gradus.own_data import deletion, erasing
from gradus.receipts import services as receipts
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.reviews.models import Appeal, GoldRow, JudgeCall, Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Mark, Run, Score, Standing, Submission
from gradus.submissions.results import board_decisions as moderation
from gradus.submissions.results.standings import differences
from gradus.submissions.services.finish import LeaseLost
from gradus.submissions.services.forgetting import emptied
from gradus.submissions.states import State
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import factories
from tests.busy import be_busy
from tests.deleted import delete
from tests.reviews import cases

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
# What the site may hold of Ada after `live`. None of it is a word that anything else of the tests says.
PLANTED = ("zqxada", "zqx-heron", "lovelace-zqx", "zqxtext", "007-zqx", "zqxlogin", "zqxstaff")
PLANTED += ("a heron of mine", "my own trial", "i named the cause", "third sample is wrong")
TEXT = "zqxtext: the weights keep old facts."


@pytest.fixture
def ada(ada: User) -> User:
    ada.first_name, ada.last_name, ada.email = "Zqxada", "Lovelace-zqx", "zqxada@example.org"
    ada.pseudonym = "zqx-heron"
    ada.save()
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    EmailAddress.objects.create(user=ada, email="other.zqxada@example.org", verified=False)
    return ada


def ranks(challenge: Challenge, track: str = "prompt") -> list[tuple[int | None, str, float]]:
    return [(row.rank, row.pseudonym, row.score) for row in boards.board(challenge, track, None).rows]


def nameless(rows: list[tuple[int | None, str, float]], user: User) -> list[tuple[int | None, str, float]]:
    return [(rank, "Deleted account" if name == user.pseudonym else name, score) for rank, name, score in rows]


def found_in_rows() -> Iterator[str]:
    """Where a planted word stands, in whichever column of whichever table."""
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.values():
            for column, value in row.items():
                text = json.dumps(value, ensure_ascii=False, default=str).lower()
                yield from (f"{model._meta.label}.{column}: {text[:200]}" for word in PLANTED if word in text)


def found_in_files() -> Iterator[str]:
    for store in private_files.KEPT:
        for file in private_files.walk(storages[store]):
            with storages[store].open(file.name) as kept:
                content = kept.read().lower()
            yield from (f"{store} {file.name}" for word in PLANTED if word.encode() in content)


def live(ada: User, grace: User, course: Course) -> dict[str, Any]:
    """Does everything that leaves a trace of Ada, and returns what has to stay."""
    challenge = factories.challenge("sea-or-sky")
    evening = factories.a_class(course)
    member = factories.member(
        evening, ada, email="zqxada@example.org", first_name="Zqxada", last_name="Lovelace-zqx", login="zqxlogin",
        registration_number="007-zqx",
    )  # fmt: skip
    be_busy(ada, grace)
    prompt = factories.submit(ada, payload={**factories.PROMPT, "instructions": TEXT})
    raw = storages["private"].save("raw/9999/1.json", _file(TEXT))
    factories.grade(prompt, 0.8, raw=raw)
    examples = [{"input": f"{TEXT} {number}", "output": "sea"} for number in range(2)]
    tuned = factories.submit(ada, payload={**factories.LORA, "rows": examples})
    factories.grade(tuned, 0.5, artifact=storages["artifacts"].save("9999/1/adapter.zip", _file(TEXT)))
    answer = cases.submit(ada, TEXT)
    factories.grade(answer, 0.4, provisional=True, review=("provisional",), result=cases.result())
    review = Review.objects.get(submission=answer)
    call = {"key": "k" * 64, "template": "t", "model": "m", "rung": "r", "cost_micros": 12, "prompt_tokens": 9}
    JudgeCall.objects.create(
        evaluation=review.evaluation,
        request={"prompt": TEXT},
        response=TEXT,
        reply={"said": TEXT},
        problem=TEXT,
        **call,
    )
    reviews.decide(
        review, by=grace, marks=cases.ALL_MET, reason="zqxstaff: good", comment="zqxstaff: Zqxada, well done"
    )
    reviews.make_gold(Review.objects.get(pk=review.pk), by=grace, role="test")
    waiting = cases.submit(ada, TEXT + " Again.")
    factories.grade(waiting, 0.4, provisional=True, review=("provisional",), result=cases.result())
    grades.override([member], challenge, by=grace, value="5", reason="zqxstaff: Zqxada was ill")
    dates.grant(evening, [member], by=grace, challenge=challenge, attempts=1, reason="zqxstaff: Zqxada was ill")
    mark = moderation.mark(ada, factories.challenge("ticket"), Mark.Kind.HIDDEN, by=grace, reason="zqxstaff: Zqxada")
    Mark.objects.filter(pk=mark.pk).update(answer=TEXT)
    moderation.annul(tuned, by=grace, reason="zqxstaff: Zqxada")
    Invitation.objects.create(
        course=course, email="zqxada@example.org", content=Content.VIEWER, digest="d", expires_at=timezone.now() + WEEK
    )
    LogEntry.objects.log_actions(grace.pk, User.objects.filter(pk=ada.pk), CHANGE, "zqxada@example.org changed")
    ada_client = Client()
    ada_client.force_login(ada)
    session = ada_client.session
    session["account_authentication_methods"] = [{"email": ada.email}]
    session.save()
    return {"prompt": prompt, "review": review, "member": member, "session": session.session_key}


def _file(text: str) -> Any:
    return ContentFile(text.encode())


def test_nothing_that_she_wrote_or_was_called_is_left_anywhere(
    course: Course, ada: User, bob: User, grace: User, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(bob), 0.75)
    kept = live(ada, grace, course)
    before, scores = ranks(sea_or_sky), list(Score.objects.order_by("pk").values())
    receipt = receipts.receipt(kept["prompt"], "https://gradus.example")
    assert len(set(found_in_rows())) > 40 and len(list(found_in_files())) == 2
    key = ada.pk
    with transaction.atomic():
        assert delete(ada)

    assert list(found_in_rows()) == []
    row = User.objects.get(pk=key)
    assert not row.is_active and row.deleted_at and row.deletion_due_at is None and not row.has_usable_password()
    # Ranks and statistics stay.
    assert ranks(sea_or_sky) == nameless(before, ada) and (2, "builder", 0.74) in ranks(sea_or_sky)
    # The attempts that waited for a person are withdrawn; every other score is as it was.
    left = {one["evaluation_id"] for one in Score.objects.values()}
    assert [one for one in scores if one["evaluation_id"] in left] == list(Score.objects.order_by("pk").values())
    assert differences() == [] and cells.differences(kept["member"].of_class) == []
    override = Override.objects.get(member=kept["member"])
    assert override.value == 5 and override.by == grace and override.reason == "(deleted)"
    review = Review.objects.get(pk=kept["review"].pk)
    assert review.decided_by == grace and review.marks == cases.ALL_MET and review.reason == review.comment == ""
    call = JudgeCall.objects.get(evaluation=kept["review"].evaluation)
    assert (call.cost_micros, call.prompt_tokens, call.request) == (12, 9, {})
    assert not GoldRow.objects.exists() and not Review.objects.undecided().exists()
    assert not Session.objects.filter(pk=kept["session"]).exists()
    assert receipts.verified(receipt)["learner"] == "zqx-heron"


@pytest.mark.django_db(transaction=True)
def test_stored_files_go_when_the_account_is_gone(course: Course, ada: User, grace: User) -> None:
    live(ada, grace, course)
    assert len(list(found_in_files())) == 2
    assert delete(ada)
    assert list(found_in_files()) == []


def test_pages_and_downloads_of_others_still_work(
    course: Course, ada: User, grace: User, grace_client: Client, bob_client: Client
) -> None:
    kept = live(ada, grace, course)
    evening = kept["member"].of_class
    delete(ada)
    for page in (
        "/reviews/", f"/reviews/{kept['review'].pk}/", "/reviews/accuracy/", "/leaderboards/", "/admin/accounts/user/",
        f"/admin/accounts/user/{ada.pk}/change/", "/admin/accounts/staffaction/", "/admin/kept/",
        f"/teach/classes/{evening.pk}/members/", f"/teach/classes/{evening.pk}/grades/",
        "/leaderboards/sea-or-sky/", "/teach/boards/sea-or-sky/", f"/teach/boards/sea-or-sky/{ada.pk}/",
        f"/teach/classes/{evening.pk}/audit/", "/reviews/?show=decided",
    ):  # fmt: skip
        answer = grace_client.get(page, follow=True)
        assert answer.status_code == 200, page
        assert not any(word in answer.content.decode().lower() for word in PLANTED), page
    assert "Deleted account" in bob_client.get("/leaderboards/sea-or-sky/").content.decode()


def test_an_emptied_payload_keeps_only_the_approach() -> None:
    shot = {"kind": "prompt", "instructions": "x", "examples": [{"input": "a", "output": "b"}] * 3, "label_words": {}}
    assert emptied(shot) == {"kind": "prompt", "instructions": "…", "examples": [{"input": "…", "output": "…"}]}
    tuned = {"kind": "tune", "method": "qlora", "rows": [{"input": "a", "output": "b"}], "hyperparameters": {"r": 4}}
    assert emptied(tuned) == {"kind": "tune", "method": "qlora", "rows": [{"input": "…", "output": "…"}]}
    assert emptied({"kind": "free_text", "answer": "x"}) == {"kind": "free_text", "answer": "…"}
    assert emptied({"kind": "gone", "method": "m", "n": 3}) == {"kind": "gone", "method": "m"}


# --- the week -----------------------------------------------------------------------------------------------------


def test_she_has_a_week_to_keep_the_account(ada: User, bob: User) -> None:
    with time_machine.travel(BEGAN, tick=False):
        ApiToken.issue(ada, "laptop")
        assert deletion.ask(ada, by=ada, reason="x") == BEGAN + WEEK
        assert not ada.api_tokens.live().exists()
        with pytest.raises(Refused, match="already"):
            deletion.ask(ada, by=ada, reason="x")
    with time_machine.travel(BEGAN + WEEK - timedelta(seconds=1), tick=False):
        retention.carry_out()
        ada.refresh_from_db()
        assert ada.is_active and deletion.keep(ada) and not deletion.keep(ada)
    with time_machine.travel(BEGAN + 2 * WEEK, tick=False):
        retention.carry_out()
        ada.refresh_from_db()
        assert ada.is_active
        deletion.ask(ada, by=ada, reason="x")
    with time_machine.travel(BEGAN + 3 * WEEK, tick=False):
        assert retention.carry_out() == 1 and retention.carry_out() == 0
        ada.refresh_from_db()
        assert ada.deleted_at == BEGAN + 3 * WEEK and not deletion.keep(ada)
    assert User.objects.get(pk=bob.pk).is_active
    noted = list(StaffAction.objects.order_by("pk").values_list("what", flat=True))
    asked = ["token_revoked", "deletion_asked"]
    assert noted == [*asked, "account_kept", "deletion_asked", "account_deleted"]


@pytest.mark.parametrize("step", ["_note_in_list", "end_sessions", "_leave_classes", "_forget_account"])
def test_a_process_that_dies_loses_nothing(
    course: Course, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    live(ada, grace, course)

    def dies(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(erasing, step, dies)
        delete(ada)
    ada.refresh_from_db()
    assert not ada.is_active and ada.email and not deletion.keep(ada)
    retention.carry_out()
    assert list(found_in_rows()) == []


def test_one_that_cannot_go_holds_up_no_other(course: Course, ada: User, bob: User, grace: User) -> None:
    with time_machine.travel(BEGAN, tick=False):
        for one in (ada, bob):
            deletion.ask(one, reason="x")
        factories.enrol(ada, course, Scope(Content.OWNER))
    with time_machine.travel(BEGAN + WEEK, tick=False):
        assert deletion.carry_out() == 1
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert ada.is_active and ada.deleted_at is None and bob.deleted_at


def test_the_last_owner_of_a_course_reads_what_to_do(course: Course, ada: User, bob: User) -> None:
    owner = Scope(Content.OWNER, LearnerData.EDITOR)
    factories.enrol(ada, course, owner)
    with pytest.raises(Refused) as refused:
        deletion.ask(ada, reason="x")
    assert refused.value.status == 409 and course.title in str(refused.value) and "People" in str(refused.value)
    factories.enrol(bob, course, owner)
    assert delete(ada) and people.needs_other_owner(bob)


# --- hard cases ---------------------------------------------------------------------------------------------------


def test_an_attempt_that_is_being_graded_is_ended(sea_or_sky: Challenge, ada: User) -> None:
    attempt = factories.submit(ada)
    held = factories.claimed(attempt)
    queued = factories.submit(ada)
    assert delete(ada)
    assert not Evaluation.objects.open().exists()
    with pytest.raises(LeaseLost):
        services.record(held.pk, held.fence, services.Outcome(score=0.9, result={}))
    assert not Score.objects.exists() and queued.evaluations.get().state == State.CANCELLED


def test_nothing_new_of_a_deleted_account_enters_the_database(sea_or_sky: Challenge, ada: User, grace: User) -> None:
    attempt = factories.submit(ada)
    factories.grade(attempt, 0.9)
    assert delete(ada)
    gone = User.objects.get(pk=ada.pk)
    values = {"version": sea_or_sky.version, "kind": "prompt", "payload": {}, "idempotency_key": "later"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.create(user=gone, challenge=sea_or_sky, **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.create(user=gone, version=sea_or_sky.version, kind="prompt", payload={}, expires_at=BEGAN)
    with pytest.raises(Refused, match="deleted"):
        services.regrade(Submission.objects.get(pk=attempt.pk))
    with pytest.raises(Refused, match="no submission"):
        reviews.start_regrade(sea_or_sky, by=grace)
    with pytest.raises(IntegrityError), transaction.atomic():
        Evaluation.objects.create(submission=attempt, number=7, is_current=False, lane="fast")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=ada.pk).update(is_active=True)


def test_the_log_changes_only_while_an_account_is_deleted(ada: User, grace: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffAction.objects.create(what="removed", who="x", via="shell", about="y")
        StaffAction.objects.update(who="somebody else")
    assert delete(ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffAction.objects.update(who="somebody else")


def test_decisions_change_only_by_losing_their_texts(sea_or_sky: Challenge, ada: User, bob: User, grace: User) -> None:
    for one in (ada, bob):
        reviews.decide(cases.waiting(one), by=grace, marks=cases.ALL_MET, reason="Says all.")
    assert delete(ada)
    for user, change in ((ada, {"marks": {}}), (ada, {"reason": "x"}), (bob, {"reason": "", "comment": ""})):
        with pytest.raises(IntegrityError), transaction.atomic():
            Review.objects.filter(submission__user=user).update(**change)
    call = {"key": "k", "template": "t", "model": "m", "rung": "r"}
    JudgeCall.objects.create(evaluation=Review.objects.get(submission__user=bob).evaluation, request={"a": 1}, **call)
    with pytest.raises(IntegrityError), transaction.atomic():
        JudgeCall.objects.update(request={}, response="", reply=None, problem="", key="")


def test_an_open_appeal_is_closed_and_the_grade_stays(sea_or_sky: Challenge, ada: User, grace: User) -> None:
    attempt = cases.final(ada)
    shown = attempt.current.score.shown
    reviews.appeal(attempt, "I named the cause.")
    assert Review.objects.waiting().exists()
    assert delete(ada)
    appeal = Appeal.objects.get()
    assert (appeal.stage, appeal.outcome, appeal.text) == (
        "closed",
        "kept",
        "",
    ) and not Review.objects.waiting().exists()
    assert Standing.objects.get(user=ada).shown == shown
    with pytest.raises(Refused):
        reviews.decide(Review.objects.get(), by=grace, marks=cases.NONE_MET, reason="Too late.")


def test_a_member_keeps_grades_and_ranks_in_the_class(course: Course, ada: User, bob: User, grace: User) -> None:
    challenge, evening = factories.challenge("sea-or-sky"), factories.a_class(course, board="members")
    hers, _his = (factories.member(evening, one, last_name="Zqxada", labels=["Late"]) for one in (ada, bob))
    for one, score in ((ada, 0.9), (bob, 0.7)):
        factories.grade(factories.submit(one), score)
    grades.override([hers], challenge, by=grace, value="3", reason="Ill")
    group = boards.Group(evening)
    before = [(row.rank, row.score) for row in boards.board(challenge, "prompt", bob, group=group).rows]
    kept = list(Cell.objects.filter(member=hers).values())
    assert delete(ada)
    hers.refresh_from_db()
    rows = boards.board(challenge, "prompt", bob, group=group).rows
    assert [(row.rank, row.score) for row in rows] == before and rows[0].pseudonym == "Deleted account"
    assert list(Cell.objects.filter(member=hers).values()) == kept and hers.overrides.open().get().value == 3
    assert hers.is_active and hers.labels.count() == 1 and hers.name == User.objects.get(pk=ada.pk).pseudonym


@pytest.mark.parametrize("how", ["hidden", "closed", "editor", "staff"])
def test_who_had_no_rank_gets_none_by_the_deletion(
    course: Course, sea_or_sky: Challenge, ada: User, bob: User, grace: User, how: str
) -> None:
    for one, score in ((ada, 0.9), (bob, 0.7)):
        factories.grade(factories.submit(one), score)
    if how == "hidden":
        moderation.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=grace, reason="Copied")
    elif how == "editor":
        factories.enrol(ada, course, Scope(Content.EDITOR))
    else:
        User.objects.filter(pk=ada.pk).update(is_active=how != "closed", is_staff=how == "staff")
    assert ranks(sea_or_sky) == [(1, "builder", 0.7)]
    assert delete(User.objects.get(pk=ada.pk))
    assert ranks(sea_or_sky) == [(1, "builder", 0.7)]


def test_decisions_of_a_reviewer_stay_without_a_name(course: Course, ada: User, bob: User, grace: User) -> None:
    reviews.decide(cases.waiting(bob), by=grace, marks=cases.ALL_MET, reason="Says all of it.")
    assert delete(grace)
    review = Review.objects.get()
    assert review.decided_by.pk == grace.pk and review.reason == "Says all of it."
    assert str(review.decided_by).startswith("learner-") and not review.decided_by.is_staff
    assert not StaffAction.objects.filter(who__contains="grace").exists()
    assert StaffAction.objects.filter(user_id=grace.pk, what="grade_decided").exists()


def test_who_signs_up_again_is_a_new_person(course: Course, ada: User, grace: User) -> None:
    live(ada, grace, course)
    assert delete(ada)
    given = {"email": "zqxada@example.org", "password1": factories.PASSWORD, "password2": factories.PASSWORD}
    assert Client().post("/accounts/signup/", given).status_code == 302
    again = User.objects.get(email="zqxada@example.org")
    assert again.pk != ada.pk and not Submission.objects.filter(user=again).exists()
    assert not again.memberships.exists() and again.deleted_at is None


def test_an_unconfirmed_address_touches_nothing_of_its_owner(course: Course, ada: User, bob: User) -> None:
    """Anybody can sign up with the address of somebody else."""
    EmailAddress.objects.filter(user=ada).update(verified=False)
    EmailAddress.objects.filter(user=bob).delete()
    evening = factories.a_class(course)
    factories.member(evening, email="zqxada@example.org", last_name="Real")
    Invitation.objects.create(
        course=course, email="zqxada@example.org", content=Content.VIEWER, digest="d", expires_at=timezone.now() + WEEK
    )
    assert delete(ada)
    assert evening.members.get().email == Invitation.objects.get().email == "zqxada@example.org"


def test_a_restored_account_is_deleted_again(course: Course, ada: User, bob: User, grace: User) -> None:
    before = User.objects.filter(pk=ada.pk).values().get()
    assert delete(ada)
    # As a backup brings the row back, and a newer person under a key that was somebody else's.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user WHERE id = %s", [ada.pk])
    User.objects.create(**before)
    storages["private"].save(erasing.LIST + "0" * 64, _file(json.dumps({"user": bob.pk})))
    assert erasing.delete_again() == 1
    assert User.objects.get(pk=ada.pk).deleted_at and User.objects.get(pk=bob.pk).is_active
    assert erasing.delete_again() == 0
