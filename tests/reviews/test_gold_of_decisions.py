"""Decisions become gold rows by themselves where an editor of the course has consented, and only there."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from challenges.kinds.rubric import GATE_ANSWERS
from challenges.rows import GoldAnswer
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import Scope
from gradus.courses.models import Calibration, Challenge, Course
from gradus.reviews import marked, services
from gradus.reviews.models import GoldConsent, GoldRow, Review
from gradus.reviews.services import gold
from gradus.submissions.services import Refused
from tests import factories
from tests.conftest import logged_in
from tests.deleted import delete
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, JUDGE, NONE_MET

URL = "/reviews/gold/explain/consent"


def teacher(course: Course, role: Scope) -> User:
    user = factories.UserFactory.create(pseudonym=f"the-{role.content}")
    factories.enrol(user, course, role)
    return user


def page(client: Client, explain: Challenge) -> str:
    return " ".join(client.get(f"/reviews/calibration/{explain.version_id}/").content.decode().split())


def decided(learner: User, by: User, answer: str = "Facts in the weights go stale.", **given: Any) -> Review:
    submission = cases.submit(learner, answer)
    factories.grade(submission, 0.5, provisional=True, review=("provisional",), result=cases.result())
    review = Review.objects.get(submission=submission)
    services.decide(review, by=by, marks=ALL_MET, reason="", **given)
    return review


@pytest.fixture
def consent(explain: Challenge, grace: User) -> GoldConsent:
    return services.allow_gold(explain, by=grace)


@pytest.mark.parametrize("role", ["author", "site staff"])
def test_who_may_edit_the_course_allows_it_and_stops_it(
    role: str, explain: Challenge, course: Course, grace_client: Client, grace: User
) -> None:
    user, client = grace, grace_client
    if role == "author":
        user = teacher(course, factories.AUTHOR)
        client = logged_in(user)
    assert "Answers are not collected" in page(client, explain)
    assert client.post(URL, {"allow": "yes"}).status_code == 302
    consent = GoldConsent.objects.get()
    assert (consent.challenge, consent.given_by, consent.revoked_at) == (explain, user, None)
    assert f"because {user.pseudonym} has allowed it" in page(client, explain)
    client.post(URL, {"allow": "yes"})
    assert GoldConsent.objects.count() == 1
    client.post(URL, {"allow": "no"})
    consent.refresh_from_db()
    assert consent.revoked_by == user and consent.revoked_at is not None
    assert "Answers are not collected" in page(client, explain)
    noted = [row.details["gold_of_decisions"] for row in StaffAction.objects.filter(what="question_changed")]
    assert sorted(noted) == [False, True]


def test_who_teaches_the_course_sees_it_and_may_not_choose(explain: Challenge, course: Course) -> None:
    user = teacher(course, factories.TEACHER)
    client = logged_in(user)
    assert "Authors of the course and staff of the site can change this." in page(client, explain)
    assert "Collect the answers that people mark</button>" not in page(client, explain)
    client.post(URL, {"allow": "yes"})
    assert not GoldConsent.objects.exists()
    for service in (services.allow_gold, services.stop_gold):
        with pytest.raises(Refused) as refused:
            service(explain, by=user)
        assert (refused.value.code, refused.value.status) == ("not_author", 403)


def test_all_others_find_nothing(
    explain: Challenge, sea_or_sky: Challenge, ada: User, ada_client: Client, client: Client, grace_client: Client
) -> None:
    factories.enrol(ada, explain.course)
    author = teacher(Course.objects.create(slug="other", title="Other", digest="x"), factories.AUTHOR)
    for other, status in ((ada_client, 404), (logged_in(author), 404), (client, 302)):
        assert other.post(URL, {"allow": "yes"}).status_code == status
    for user in (ada, author):
        with pytest.raises(Refused):
            services.allow_gold(explain, by=user)
    assert grace_client.post("/reviews/gold/sea-or-sky/consent", {"allow": "yes"}).status_code == 404
    assert not GoldConsent.objects.exists()


def test_a_decision_becomes_a_gold_row(consent: GoldConsent, ada: User, grace: User, grace_client: Client) -> None:
    review = decided(ada, grace)
    row = GoldRow.objects.get()
    assert (row.review, row.consent, row.created_by) == (review, consent, grace)
    assert (row.answer, row.marks) == ("Facts in the weights go stale.", ALL_MET)
    exported = grace_client.get("/reviews/gold/explain.jsonl").content.decode().splitlines()
    assert [GoldAnswer.model_validate(json.loads(line)).answer for line in exported] == [row.answer]


def test_without_consent_it_does_not(explain: Challenge, ada: User, bob: User, grace: User) -> None:
    decided(ada, grace)
    services.allow_gold(explain, by=grace)
    services.stop_gold(explain, by=grace)
    decided(bob, grace, "What the weights know is old.")
    assert not GoldRow.objects.exists()


def test_an_answer_from_before_the_consent_does_not_because_its_learner_was_not_told(
    ada: User, grace: User, explain: Challenge
) -> None:
    review = cases.waiting(ada)
    services.allow_gold(explain, by=grace)
    services.decide(review, by=grace, marks=ALL_MET, reason="")
    assert not GoldRow.objects.exists()


def test_what_no_person_read_and_what_is_known_is_not_kept(
    consent: GoldConsent, ada: User, bob: User, grace: User
) -> None:
    decided(ada, grace, in_bulk=True)
    decided(ada, grace, "Answer number 7 about stale facts and looking them up.")
    assert not GoldRow.objects.exists()
    for learner, answer in ((ada, "Facts go stale in the weights."), (bob, "facts go stale, in the weights")):
        decided(learner, grace, answer)
    assert GoldRow.objects.count() == 1


def test_the_database_refuses_a_row_without_a_consent_a_second_one_and_a_revocation_by_nobody(
    consent: GoldConsent, explain: Challenge, sea_or_sky: Challenge, grace: User
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldConsent.objects.create(challenge=explain, given_by=grace)
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldConsent.objects.update(revoked_at=timezone.now())
    values: dict[str, Any] = {"answer": "x", "marks": NONE_MET, "created_by": grace, "consent": consent}
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldRow.objects.create(challenge=sea_or_sky, digest="a", **values)
    row = GoldRow.objects.create(challenge=explain, digest="a", **values)
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldRow.objects.filter(pk=row.pk).update(consent=None)
    services.stop_gold(explain, by=grace)
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldRow.objects.create(challenge=explain, digest="b", **values)


def test_a_decision_stands_where_the_consent_is_revoked_at_this_moment(
    consent: GoldConsent, explain: Challenge, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def revoked_meanwhile(*given: Any) -> bool:
        services.stop_gold(explain, by=grace)
        return False

    monkeypatch.setattr(gold.marked, "has_text", revoked_meanwhile)
    review = decided(ada, grace)
    review.refresh_from_db()
    assert review.decided_by == grace and not GoldRow.objects.exists()


def test_a_collected_answer_goes_with_the_account(consent: GoldConsent, ada: User, bob: User, grace: User) -> None:
    """A reviewer who keeps an answer looks whether it names somebody; nobody has looked at this one."""
    decided(ada, grace, "My name is Ada, and facts go stale.")
    decided(bob, grace, "Bob says that facts go stale.")
    assert GoldRow.objects.count() == 2
    assert delete(ada) is True
    assert GoldRow.objects.get().answer == "Bob says that facts go stale."


def test_a_collected_answer_is_not_kept_by_hand_as_well(consent: GoldConsent, ada: User, grace: User) -> None:
    review = decided(ada, grace, "A model cannot know what happened after its training.")
    review.refresh_from_db()
    with pytest.raises(Refused) as refused:
        services.make_gold(review, by=grace, role="test")
    assert (refused.value.code, refused.value.status) == ("collected", 409)
    assert GoldRow.objects.get().role == "calibration"
    assert not StaffAction.objects.filter(what=StaffAction.What.GOLD_KEPT, details__role="test").exists()


def test_calibration_gets_forty_answers_before_the_other_roles(
    consent: GoldConsent, explain: Challenge, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert explain.version is not None
    counts = marked.of(explain.version)
    assert counts.bundle == {"prompt": 5, "calibration": 20, "test": 5}
    assert (counts.calibration, counts.missing, counts.is_pilot) == (20, 20, True)
    roles = Counter[str]()
    for _ in range(40):
        roles[marked.Marked(counts.bundle, roles, False, None).next_role()] += 1
    assert list(roles.items()) == [("calibration", 32), ("test", 5), ("prompt", 3)]
    decided(ada, grace)
    assert GoldRow.objects.get().role == "calibration"
    assert marked.of(explain.version).missing == 19
    GoldRow.objects.update(marks={"cause": "met"})
    assert marked.of(explain.version).kept == {}, "rows about other criteria do not count"


def test_pilot_mode_ends_with_forty_answers_or_an_open_gate(explain: Challenge) -> None:
    version = explain.version
    assert version is not None
    assert marked.Marked({"calibration": GATE_ANSWERS - 1}, {}, False, None).is_pilot
    assert not marked.Marked({"calibration": GATE_ANSWERS - 1}, {"calibration": 1}, False, None).is_pilot
    Calibration.objects.create(version=version, model=JUDGE[0], template=JUDGE[1], passed=True)
    assert not marked.of(version).is_pilot


def test_the_pages_say_that_a_question_is_in_pilot_mode(explain: Challenge, grace_client: Client) -> None:
    text = page(grace_client, explain)
    assert "people review every answer to this question, whatever a judge says" in text
    missing = "A judge can end grades only after people have marked 40 answers to measure it on; 20 are missing."
    assert missing in text
    desk = " ".join(grace_client.get("/reviews/question/explain/").content.decode().split())
    assert missing in desk and f"/reviews/calibration/{explain.version_id}/" in desk
    assert "Pilot mode: 20 of 40" in " ".join(grace_client.get("/reviews/calibration/").content.decode().split())


def test_a_learner_reads_that_the_answer_is_kept(explain: Challenge, ada_client: Client, grace: User) -> None:
    def form() -> str:
        return " ".join(ada_client.get("/challenges/explain/").content.decode().split())

    kept = "the course keeps a copy of its text and the marks, without your name"
    assert "A person grades this answer." in form() and kept not in form()
    services.allow_gold(explain, by=grace)
    assert kept in form()
    services.stop_gold(explain, by=grace)
    assert kept not in form()
