"""Two accounts of one person become one: with both consents, at once, and so that nothing is lost or counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.http import Http404
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import ApiToken, Merge, StaffAction, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.classes import dates
from gradus.classes.models import DateRule, Grant, Member
from gradus.courses.models import Challenge, Course
from gradus.friends import services as friends
from gradus.friends.models import Friendship
from gradus.gradebook import cells
from gradus.gradebook.models import Cell
from gradus.leaderboards import boards
from gradus.own_data import deletion, erasing, merging, moving
from gradus.own_data.document import SECTIONS
from gradus.questions.models import Answer
from gradus.receipts import services as receipts
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import HintsTaken, Mark, Slot, Standing, Submission
from gradus.submissions.results import board_decisions as moderation
from gradus.submissions.results.standings import differences
from tests import factories
from tests.busy import be_busy
from tests.deleted import delete


@pytest.fixture
def teacher(course: Course) -> User:
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, course, factories.TEACHER)
    return made


def merged(kept: User, gone: User) -> Merge:
    """Both agree: `kept` has asked."""
    return merging.consent(merging.ask(kept, gone), by=gone)


def ranks(challenge: Challenge) -> list[tuple[int | None, str, float]]:
    return [(row.rank, row.pseudonym, row.score) for row in boards.board(challenge, "prompt", None).rows]


def named(user: User) -> Iterator[str]:
    """Which row of which table still names the account, except the records of merges and the log."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if field.related_model is User and (model, field.name) not in moving.RECORDS:
                found = model._base_manager.filter(**{field.name: user.pk})
                yield from (f"{model._meta.label}.{field.name} of {row.pk}" for row in found)


def graded(user: User, score: float, **options: Any) -> Submission:
    made = factories.submit(user, **options)
    factories.grade(made, score)
    return made


def test_everything_of_a_busy_account_moves(course: Course, ada: User, bob: User, grace: User) -> None:
    for one in (ada, bob):
        be_busy(one, grace)
    factories.member(factories.a_class(course), ada)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    EmailAddress.objects.create(user=ada, email="unsure@example.org", verified=False)
    ours = {ada, bob}
    before = {section: [row for one in ours for row in rows_of(one)] for section, rows_of in SECTIONS.items()}
    receipt = receipts.receipt(Submission.objects.filter(user=ada, kind="prompt")[0], "https://gradus.example")
    assert len(list(named(ada))) > 20
    made = merged(bob, ada)
    assert list(named(ada)) == [] and differences() == []
    ada.refresh_from_db()
    assert not ada.is_active and ada.merged_into == bob and made.moved["attempts"] == 3
    assert receipts.verified(receipt)["learner"] == ada.pseudonym
    assert EmailAddress.objects.get(email=ada.email).user == bob
    assert not EmailAddress.objects.filter(email="unsure@example.org").exists()
    # All that both had is in the data of one. Of choices, answers to a question and sets that were begun there is one.
    after = {section: list(rows_of(bob)) for section, rows_of in SECTIONS.items()}
    for section in ("submissions", "runs", "chats", "reports", "classes"):
        assert len(after[section]) == len(before[section]), section
    assert [len(after[section]) for section in ("choices", "question_answers", "hints", "contributions")] == [1] * 4
    assert len(after["notices"]) == len(before["notices"]) + 1 and len(after["merges"]) == 1
    assert list(SECTIONS["submissions"](ada)) == []


def test_nothing_happens_without_both_consents(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    graded(ada, 0.9)
    graded(bob, 0.7)
    before = ranks(sea_or_sky)
    made = merging.propose(bob, ada, by=teacher, reason="Both write from the same machine")
    merging.consent(made, by=ada)
    for stranger in (teacher, factories.UserFactory.create()):
        with pytest.raises(Http404):
            merging.consent(made, by=stranger)
    assert ranks(sea_or_sky) == before and User.objects.get(pk=ada.pk).is_active
    # A consent is taken back, and given again.
    merging.take_back(made, by=ada)
    merging.consent(made, by=bob)
    assert ranks(sea_or_sky) == before
    for values in ({"merged_at": timezone.now()}, {"kept": ada, "gone": ada}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Merge.objects.filter(pk=made.pk).update(**values)
    with pytest.raises(IntegrityError, match="both consents"), transaction.atomic():
        User.objects.filter(pk=ada.pk).update(merged_into=bob, is_active=False)
    merging.consent(made, by=ada)
    assert ranks(sea_or_sky) == [(1, bob.pseudonym, 0.9)] and differences() == []
    noted = StaffAction.objects.filter(what__contains="merge").order_by("pk").values_list("what", flat=True)
    assert list(noted) == [
        "merge_proposed", "merge_agreed", "merge_taken_back", "merge_agreed", "merge_agreed", "accounts_merged",
    ]  # fmt: skip


def test_a_proposal_is_withdrawn_or_refused_and_then_over(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    for one in (ada, bob):
        graded(one, 0.5)
    for against in (teacher, ada, bob):
        made = merging.propose(bob, ada, by=teacher, reason="Same words")
        with pytest.raises(Refused) as refused:
            merging.propose(ada, bob, by=teacher, reason="Same words")
        assert refused.value.code == "merge_open"
        merging.end(made, by=against)
        for act in (merging.consent, merging.take_back, merging.end):
            with pytest.raises(Refused) as refused:
                act(made, by=ada)
            assert refused.value.code == "ended_already"


def test_whoever_refused_is_not_asked_again_but_may_ask(course: Course, ada: User, bob: User) -> None:
    merging.end(merging.ask(bob, ada), by=ada)
    with pytest.raises(Refused) as refused:
        merging.ask(bob, ada)
    assert refused.value.code == "refused_before"
    made = merging.ask(ada, bob)
    with pytest.raises(Http404):
        merging.end(made, by=factories.UserFactory.create())
    # Who has asked withdraws it, and may ask again.
    merging.end(made, by=ada)
    merging.ask(ada, bob)


def test_only_who_decides_about_both_proposes_with_a_reason(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.9)
    with pytest.raises(Http404):
        merging.propose(bob, ada, by=teacher, reason="Bob does not learn here")
    factories.member(factories.a_class(sea_or_sky.course), bob)
    viewer = factories.UserFactory.create()
    factories.enrol(viewer, sea_or_sky.course, Scope(learner_data=LearnerData.VIEWER))
    for stranger in (ada, viewer):
        with pytest.raises(Http404):
            merging.propose(bob, ada, by=stranger, reason="Same words")
    for reason in ("", " \n ", "x" * 501):
        with pytest.raises(Refused) as refused:
            merging.propose(bob, ada, by=teacher, reason=reason)
        assert refused.value.problems[0]["field"] == "reason"
    assert merging.propose(bob, ada, by=teacher, reason="Same words").is_open


def guest(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_guest=True, email="")


def to_be_deleted(user: User) -> None:
    deletion.ask(user, reason="Asked for")


def closed(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def staff(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)


def creates(user: User) -> None:
    User.objects.filter(pk=user.pk).update(may_create_courses=True)


def enrolled(user: User) -> None:
    factories.enrol(user, Course.objects.get(), Scope(learner_data=LearnerData.VIEWER))


def teaches(user: User) -> None:
    factories.member(factories.a_class(Course.objects.get()), user, learner_data=LearnerData.VIEWER)


PERMISSIONS = "accounts.User_user_permissions"
CODES = {guest: "no_account", to_be_deleted: "to_be_deleted", closed: "closed"}


@pytest.mark.parametrize("is_gone", [True, False])
@pytest.mark.parametrize("become", [guest, to_be_deleted, closed, staff, creates, enrolled, teaches])
def test_who_is_no_mere_learner_is_not_merged(course: Course, ada: User, bob: User, become: Any, is_gone: bool) -> None:
    made = merging.ask(bob, ada)
    become(ada if is_gone else bob)
    with pytest.raises(Refused) as refused:
        merging.consent(made, by=ada)
    assert refused.value.code == CODES.get(become, "has_role")
    made.refresh_from_db()
    assert made.gone_agreed_at is None and User.objects.get(pk=ada.pk).merged_into is None
    merging.end(made, by=bob)
    # The owner of the one does not learn here what the other is.
    with pytest.raises(Refused) as refused:
        merging.ask(bob, ada)
    assert refused.value.code == ("cannot_merge" if is_gone else CODES.get(become, "has_role"))


def test_the_same_account_and_one_that_was_staff_are_refused(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    with pytest.raises(Refused) as refused:
        merging.ask(ada, ada)
    assert refused.value.code == "same_account"
    moderation.mark(bob, sea_or_sky, Mark.Kind.FLAG, by=teacher, reason="Look")
    teacher.enrolments.all().delete()
    made = merging.ask(ada, teacher)
    with pytest.raises(Refused) as refused:
        merging.consent(made, by=teacher)
    assert refused.value.code == "has_acted"
    merging.end(made, by=ada)
    # The other way round, decisions stay as they are.
    merged(teacher, ada)
    assert Mark.objects.get().made_by == teacher


@pytest.mark.parametrize("is_gone", [True, False])
@pytest.mark.parametrize("is_run", [True, False])
def test_what_is_being_graded_is_waited_for(
    sea_or_sky: Challenge, ada: User, bob: User, is_gone: bool, is_run: bool
) -> None:
    user = ada if is_gone else bob
    work = services.start_run(user, sea_or_sky.version, factories.PROMPT) if is_run else factories.submit(user)
    made = merging.ask(bob, ada)
    with pytest.raises(Refused) as refused:
        merging.consent(made, by=ada)
    assert refused.value.code == "open_work"
    made.refresh_from_db()
    assert made.gone_agreed_at is None
    factories.grade(work, None if is_run else 0.5)
    assert merging.consent(made, by=ada).merged_at


def test_both_in_one_class_become_one_member_with_the_better_rights(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    evening, morning = factories.a_class(sea_or_sky.course), factories.a_class(sea_or_sky.course, title="Morning")
    older = factories.member(evening, ada, labels=["extra"], registration_number="7")
    newer = factories.member(evening, bob, labels=["late"], first_name="Bob")
    alone = factories.member(morning, ada)
    soon, later = (timezone.now() + timedelta(days=days) for days in (1, 9))
    for one, until in ((older, later), (newer, soon)):
        DateRule.objects.create(of_class=evening, member=one, extended_to=until, reason="Ill", changed_by=teacher)
    for one in (older, newer):
        dates.grant(evening, [one], by=teacher, challenge=sea_or_sky, attempts=2, reason="Machine broke")
    for one, score in ((ada, 0.9), (bob, 0.6), (bob, 0.5)):
        graded(one, score, of_class=evening.pk)
    graded(ada, 0.8, of_class=morning.pk)
    merged(bob, ada)
    member = Member.objects.get(of_class=evening)
    assert (member.pk, member.user, member.first_name, member.registration_number) == (older.pk, bob, "Bob", "7")
    assert set(member.labels.values_list("name", flat=True)) == {"extra", "late"}
    assert DateRule.objects.get(member=member).extended_to == later
    assert sum(Grant.objects.filter(member=member).values_list("attempts", flat=True)) == 4
    assert Member.objects.get(of_class=morning).pk == alone.pk
    cell = Cell.objects.get(member=member, challenge=sea_or_sky)
    assert (cell.attempts, float(cell.score)) == (3, 0.9)
    assert Cell.objects.get(member__of_class=morning).attempts == 1
    assert [cells.differences(one) for one in (evening, morning)] == [[], []] and list(named(ada)) == []


def test_a_second_account_gives_no_second_quota_and_keeps_its_grants(
    sea_or_sky: Challenge, ada: User, bob: User
) -> None:
    allowed = limits.ATTEMPTS.allowed(Use(user=bob, challenge=sea_or_sky))
    for one in (ada, bob):
        for number in range(allowed - 1):
            graded(one, 0.5, payload={**factories.PROMPT, "instructions": f"{one} {number}"})
    merged(bob, ada)
    use = Use(user=bob, challenge=sea_or_sky)
    assert slots.left(limits.ATTEMPTS, use) == 0 and slots.in_use(limits.ATTEMPTS, use).count() == 2 * (allowed - 1)
    with pytest.raises(Refused) as refused:
        factories.submit(bob, payload={**factories.PROMPT, "instructions": "one more"})
    assert refused.value.code == "over_quota"


def test_marks_annulments_and_hints_stay(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    annulled = graded(ada, 0.9)
    graded(ada, 0.6)
    graded(bob, 0.7)
    moderation.annul(annulled, by=teacher, reason="Copied")
    hidden = moderation.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=teacher, reason="Copied")
    moderation.answer(hidden, "No, I did not.", by=ada)
    other = moderation.mark(bob, sea_or_sky, Mark.Kind.HIDDEN, by=teacher, reason="Copied, too")
    for times, one in ((2, ada), (1, bob)):
        for _ in range(times):
            services.take_hint(one, sea_or_sky)
    merged(bob, ada)
    assert ranks(sea_or_sky) == []
    # Of two hidings, the one whose answer waits stands.
    assert Mark.objects.hidings().get() == hidden and Mark.objects.get(pk=other.pk).ended_at
    with pytest.raises(Refused, match="just been merged"):
        moderation.end_mark(hidden, by=teacher)
    moderation.end_mark(Mark.objects.get(pk=hidden.pk), by=teacher)
    assert ranks(sea_or_sky) == [(1, bob.pseudonym, 0.7)]
    assert HintsTaken.objects.get().count == 2 and differences() == []


def test_a_closed_account_gets_nothing_and_never_opens(
    course: Course, sea_or_sky: Challenge, ada: User, bob: User
) -> None:
    graded(ada, 0.5)
    stranger = factories.UserFactory.create()
    one = friends.ask(friends.renew_code(stranger), by=ada)
    two = friends.ask(friends.renew_code(ada), by=bob)
    merged(bob, ada)
    # Nobody is a friend of oneself.
    assert Friendship.objects.get() == one != two and friends.everybody(bob).asked[0].row == one
    with pytest.raises(Refused), transaction.atomic():
        factories.submit(ada)
    for make in (
        lambda: ApiToken.issue(ada, "late"),
        lambda: factories.member(factories.a_class(course), ada),
        lambda: HintsTaken.objects.create(user=ada, challenge=sea_or_sky),
        lambda: Mark.objects.create(user=ada, challenge=sea_or_sky, kind="flag", reason="late"),
        lambda: Member.objects.filter(pk=factories.member(factories.a_class(course), email="x@example.org").pk).update(
            user=ada
        ),
        lambda: factories.enrol(ada, course),
        lambda: friends.renew_code(ada),
        lambda: Friendship.objects.create(asker=stranger, asked=ada),
        lambda: User.objects.filter(pk=ada.pk).update(is_active=True),
        lambda: User.objects.filter(pk=ada.pk).update(merged_into=None),
        lambda: Merge.objects.update(merged_at=None),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()
    for made in (merging.ask, lambda one, two: merging.ask(two, one)):
        with pytest.raises(Refused):
            made(bob, User.objects.get(pk=ada.pk))


def test_the_first_answer_to_a_question_stays(course: Course, ada: User, bob: User, grace: User) -> None:
    for one in (ada, bob):
        be_busy(one, grace)
    first = Answer.objects.get(user=ada).created_at
    merged(bob, ada)
    assert Answer.objects.get().created_at == first


def test_the_sessions_of_the_closed_account_end(
    course: Course, ada: User, bob: User, django_capture_on_commit_callbacks: Any
) -> None:
    for one in (ada, bob):
        Client().force_login(one)
    with django_capture_on_commit_callbacks(execute=True):
        merged(bob, ada)
    assert [one.get_decoded()["_auth_user_id"] for one in Session.objects.all()] == [str(bob.pk)]


def test_the_deletion_afterwards_deletes_both(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    carl = factories.UserFactory.create(email="carl@example.org", pseudonym="carl-the-first")
    for one in (ada, bob, carl):
        graded(one, 0.5)
    merged(ada, carl)
    merged(bob, ada)
    assert erasing.merged_into(bob) == [carl, ada]
    assert delete(bob)
    assert not User.objects.filter(pk__in=(ada.pk, carl.pk)).exists() and not Merge.objects.exists()
    assert Standing.objects.filter(user=bob).exists() and not Slot.objects.filter(user=ada).exists()
    texts = str(list(StaffAction.objects.values_list("who", "about", "details")))
    assert not [word for word in ("carl-the-first", carl.email, ada.email, ada.pseudonym, bob.email) if word in texts]


def test_each_relation_of_accounts_is_moved_or_is_work_of_staff() -> None:
    """A new table of learners is to be moved: one that is not known refuses all merges of whoever has a row there."""
    staff_only = {
        "admin.LogEntry", "accounts.ExemptNetwork", "courses.CourseVersion", "courses.Upload", "classes.Class",
        "classes.Announcement", "classes.DateRule", "classes.Grant", "classes.ReleaseRule", "classes.Member",
        "submissions.Season", "submissions.Mark", "submissions.Annulment", "submissions.Rerun", "submissions.Score",
        "gradebook.Override", "reports.ProblemReport", "reviews.Review", "reviews.Snippet", "reviews.GoldConsent",
        "reviews.GoldRow", "reviews.Regrade", "studio.Edit", "teach.Invitation", "lti.Platform", "lti.Deployment",
        "lti.RegistrationLink", "fleet.WorkerToken",
    }  # fmt: skip
    left = moving.relations() - moving.OWN - moving.RECORDS
    assert {model._meta.label for model, _name in left} == staff_only | {"accounts.User_groups", PERMISSIONS}
    own = {("reviews.Snippet", "user"), ("courses.Upload", "user"), ("admin.LogEntry", "user")}
    own |= {("accounts.User_groups", "user"), (PERMISSIONS, "user")}
    assert {(model._meta.label, name) for model, name in left if name == "user"} == own
