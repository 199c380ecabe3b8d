"""What has ended while a learner was away is told once, to that learner only, until the learner has seen it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus import retention
from gradus.accounts.models import User
from gradus.notices import services as notices
from gradus.notices.models import Notice
from gradus.reconciling import reconciler
from gradus.reviews import services as reviews
from gradus.reviews.models import Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.reviews import cases

pytestmark = pytest.mark.usefixtures("course")
Kind = Notice.Kind


def told(user: User) -> list[str]:
    return list(Notice.objects.of(user).order_by("pk").values_list("kind", flat=True))


def older(submission: Submission, seconds: int) -> Submission:
    """As if it had been submitted `seconds` earlier."""
    Evaluation.objects.filter(submission=submission).update(created_at=timezone.now() - timedelta(seconds=seconds))
    return submission


def test_a_quick_grading_is_not_told(ada: User) -> None:
    factories.grade(factories.submit(ada))
    assert told(ada) == []


def test_a_grading_that_took_over_a_minute_is_told_with_its_shown_score(ada: User, ada_client: Client) -> None:
    made = older(factories.submit(ada), 61)
    factories.grade(made, 0.7)
    assert told(ada) == [Kind.GRADED]
    page = ada_client.get("/notices/").content.decode()
    assert "is graded" in page and "The score is 0.70. That passes." in page and f"/submissions/{made.uuid}/" in page


def test_training_is_told_however_long_it_took_and_a_trial_of_training_too(ada: User) -> None:
    factories.grade(factories.submit(ada, payload=factories.LORA))
    version = factories.challenge("sea-or-sky").version
    factories.grade(services.start_run(ada, version, factories.LORA))
    factories.grade(services.start_run(ada, version, factories.PROMPT))
    factories.grade(services.start_run(None, version, factories.LORA, purpose="demo"))
    assert told(ada) == [Kind.GRADED, Kind.RUN] and Notice.objects.count() == 2


def test_an_attempt_that_fails_is_told_and_one_that_was_cancelled_is_not(ada: User, ada_client: Client) -> None:
    failed = factories.claimed(factories.submit(ada, payload=factories.LORA))
    services.reject(failed.pk, failed.fence, "internal")
    services.cancel(factories.submit(ada, payload=factories.LORA))
    assert told(ada) == [Kind.FAILED]
    assert "Your attempt was given back; please submit again." in ada_client.get("/notices/").content.decode()


def test_an_attempt_whose_workers_died_is_told_by_the_reconciler(ada: User) -> None:
    made = factories.submit(ada, payload=factories.LORA)
    Evaluation.objects.filter(submission=made).update(attempt=5)
    reconciler.sweep()
    assert told(ada) == [Kind.FAILED]


def test_a_review_by_a_person_is_told(ada: User, grace: User, ada_client: Client) -> None:
    review = cases.waiting(ada)
    reviews.decide(review, by=grace, marks=cases.MARKS, reason="")
    assert told(ada) == [Kind.REVIEWED]
    assert "A person has reviewed your answer" in ada_client.get("/notices/").content.decode()


def test_an_appeal_that_a_person_decides_is_told_as_an_appeal(ada: User, grace: User) -> None:
    review = cases.waiting(ada)
    reviews.appeal(review.submission, "I named the cause.")
    reviews.decide(Review.objects.get(), by=grace, marks=cases.ALL_MET, reason="")
    assert told(ada) == [Kind.APPEALED]


def test_a_regrade_is_told_when_it_is_approved_and_names_both_scores(
    ada: User, grace: User, ada_client: Client
) -> None:
    made = factories.submit(ada)
    factories.grade(made, 0.6)
    regrade = reviews.start_regrade(made.challenge, by=grace)
    evaluation = services.claim("grade", worker="worker-1", profile="cpu/float32/1")
    assert evaluation is not None
    outcome = services.Outcome(result=factories.result_for(made), score=0.8)
    services.record(evaluation.pk, evaluation.fence, outcome)
    assert told(ada) == []
    reviews.approve(regrade, by=grace, lower=False)
    assert told(ada) == [Kind.REGRADED]
    assert "The score went from 0.60 to 0.80." in ada_client.get("/notices/").content.decode()


def test_an_evaluation_is_told_once_however_often_it_is_recorded(ada: User) -> None:
    claimed = factories.claimed(factories.submit(ada, payload=factories.LORA))
    outcome = services.Outcome(result={}, score=0.7)
    done = services.record(claimed.pk, claimed.fence, outcome)
    with pytest.raises(LeaseLost):
        services.record(claimed.pk, claimed.fence, outcome)
    notices.tell(done, Kind.REGRADED)
    assert told(ada) == [Kind.GRADED]
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.create(user=ada, kind=Kind.GRADED, evaluation=done)


def test_a_notice_of_nothing_is_refused_by_the_database(ada: User) -> None:
    for kind in (Kind.GRADED, Kind.ANSWERED):
        with pytest.raises(IntegrityError), transaction.atomic():
            Notice.objects.create(user=ada, kind=kind)


def test_a_grade_and_its_notice_are_written_together_or_not_at_all(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    made = factories.submit(ada, payload=factories.LORA)

    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("the notice cannot be written")

    monkeypatch.setattr(notices, "tell", fail)
    with pytest.raises(RuntimeError):
        factories.grade(made)
    assert made.evaluations.get().state == "running" and not Notice.objects.exists()


def test_who_has_the_result_open_is_not_told_again(ada: User, ada_client: Client) -> None:
    made = factories.submit(ada, payload=factories.LORA)
    factories.grade(made)
    assert 'aria-label="Notices: 1 new"' in ada_client.get("/path/").content.decode()
    ada_client.get(f"/submissions/{made.uuid}/fragment")
    assert Notice.objects.get().seen_at is not None
    assert 'aria-label="Notices"' in ada_client.get("/path/").content.decode()


def test_a_page_of_what_is_still_going_on_sees_nothing(ada: User, ada_client: Client) -> None:
    first, second = (factories.submit(ada, payload=factories.LORA) for _ in range(2))
    factories.grade(first)
    ada_client.get(f"/submissions/{second.uuid}/")
    assert Notice.objects.get().seen_at is None


def test_the_page_marks_new_notices_once(ada: User, ada_client: Client) -> None:
    factories.grade(factories.submit(ada, payload=factories.LORA))
    first, second = (ada_client.get("/notices/").content.decode() for _ in range(2))
    assert "New</span>" in first and "New</span>" not in second
    assert Notice.objects.get().seen_at is not None


def test_nobody_else_sees_it(ada: User, bob_client: Client, guest_client: Client, client: Client) -> None:
    factories.grade(factories.submit(ada, payload=factories.LORA))
    for other in (bob_client, guest_client, client):
        assert "There are no notices yet" in other.get("/notices/").content.decode()
    assert Notice.objects.get().seen_at is None
    assert "Notices" not in client.get("/path/").content.decode()


def test_the_bell_looks_again_only_while_something_is_going_on(ada: User, ada_client: Client) -> None:
    assert "/notices/bell" not in ada_client.get("/path/").content.decode()
    made = factories.submit(ada, payload=factories.LORA)
    assert 'hx-get="/notices/bell?unseen=0"' in ada_client.get("/path/").content.decode()
    factories.grade(made)
    assert "/notices/bell" not in ada_client.get("/path/").content.decode()


def test_the_bell_says_what_has_just_ended(ada: User, ada_client: Client, client: Client) -> None:
    factories.grade(factories.submit(ada, payload=factories.LORA))
    told = ada_client.get("/notices/bell?unseen=0")
    assert 'aria-label="Notices: 1 new"' in told.content.decode() and "<html" not in told.content.decode()
    said = json.loads(told["HX-Trigger"])["gradus:toast"]["value"]
    assert said == "Your attempt at “Sea or sky” is graded"
    for known in ("1", "", "x", "9" * 9, "-1"):
        assert "HX-Trigger" not in ada_client.get(f"/notices/bell?unseen={known}")
    assert "HX-Trigger" not in client.get("/notices/bell?unseen=0")


def test_a_guest_is_told_on_the_site(guest: User, guest_client: Client) -> None:
    factories.grade(factories.submit(guest, payload=factories.LORA))
    assert told(guest) == [Kind.GRADED]
    page = guest_client.get("/notices/").content.decode()
    assert "is graded" in page and "Notices by mail" not in page


def test_a_run_that_is_deleted_takes_its_notice_along(ada: User) -> None:
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.LORA)
    factories.grade(run)
    run.delete()
    assert told(ada) == []


def test_notices_are_deleted_after_ninety_days(ada: User) -> None:
    for days in (89, 91):
        made = factories.submit(ada, payload=factories.LORA)
        factories.grade(made)
        Notice.objects.filter(evaluation__submission=made).update(created_at=timezone.now() - timedelta(days=days))
    retention.carry_out()
    assert Notice.objects.count() == 1
