"""Appeals: to a second grader where one is set up, then to a person; the learner sees where it stands."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reconciling import invariants
from gradus.reviews import services
from gradus.reviews.models import Appeal, Review
from gradus.submissions import services as submissions
from gradus.submissions.models import Evaluation, Standing, Submission, WorkerStatus
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET
from tests.threads import at_once
from workers.transport import judging


@pytest.fixture
def second(settings: Settings, explain: Challenge) -> None:
    """Another model is set up for appeals, and a judge at work has passed the gate."""
    settings.APPEAL_MODEL = "another-model"
    cases.passed_judge()
    WorkerStatus.objects.create(name="judge-worker", lane="judge", judge=cases.JUDGE[0])


@pytest.fixture
def submission(ada: User, explain: Challenge) -> Submission:
    return cases.final(ada)


def page(client: Client, submission: Submission) -> str:
    return client.get(f"/submissions/{submission.uuid}/").content.decode()


def test_without_a_second_grader_a_person_is_asked(submission: Submission, ada_client: Client) -> None:
    assert "A person looks at your answer" in page(ada_client, submission)
    ada_client.post(f"/submissions/{submission.uuid}/appeal", {"text": "I named the remedy."})
    appeal = Appeal.objects.get()
    assert (appeal.stage, appeal.second, appeal.text) == ("person", None, "I named the remedy.")
    assert Review.objects.get().reasons == ["appeal"]
    assert "Your appeal is with a person" in page(ada_client, submission)


def test_a_second_grader_looks_first(second: None, submission: Submission, ada_client: Client) -> None:
    assert "A second AI looks first" in ada_client.get("/challenges/explain/").content.decode()
    assert "Another AI looks first" in page(ada_client, submission)
    ada_client.post(f"/submissions/{submission.uuid}/appeal", {"text": "I named the cause."})
    appeal = Appeal.objects.get()
    assert appeal.stage == "second" and appeal.second is not None
    assert (appeal.second.grader, appeal.second.shadow, appeal.second.is_current) == ("second", True, False)
    assert not Review.objects.exists()
    assert "with a second grader" in page(ada_client, submission)
    assert submission.current.score.shown == 0.74


def test_the_second_grader_is_the_other_model(
    second: None, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_JUDGE_MODEL", "the-first-model")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    made = services.appeal(submission, "Please.")
    assert judging.judge_for(submission.current, None).model == "the-first-model"
    assert made.second is not None
    assert judging.judge_for(made.second, None).model == "another-model"


def test_the_second_grader_may_be_another_template(
    submission: Submission, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.APPEAL_TEMPLATE = "sceptic-1"
    made = services.appeal(submission, "Please.")
    assert made.second is not None
    assert judging.template_for(made.second) == "sceptic-1"
    assert judging.template_for(submission.current) == ""


def test_a_second_grader_that_finds_more_raises_the_grade_and_only_a_person_is_left(
    second: None, submission: Submission, ada_client: Client
) -> None:
    services.appeal(submission, "I named the cause.")
    cases.work_off(ALL_MET)
    appeal = Appeal.objects.get()
    assert (appeal.stage, appeal.outcome) == ("closed", "raised")
    assert (submission.current.grader, submission.current.score.shown) == ("second", 1.0)
    assert Standing.objects.get().shown == 1.0
    text = page(ada_client, submission)
    assert "A second grader found more" in text and "Ask a person to look" in text
    services.appeal(submission, "Still more.")
    stages = submission.appeals.order_by("pk").values_list("stage", "outcome")
    assert list(stages) == [("closed", "raised"), ("person", "")]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [(MARKS, {}), (NONE_MET, {}), (ALL_MET, {"provisional": True, "review": ("no-judge: no_endpoint",)})],
    ids=["the same", "less", "in doubt"],
)
def test_where_the_second_grader_does_not_raise_it_a_person_looks(
    second: None, submission: Submission, given: dict[str, str], outcome: dict[str, object], grace_client: Client
) -> None:
    services.appeal(submission, "I named the cause.")
    cases.work_off(given, **outcome)
    assert submission.current.score.shown == 0.74
    assert Appeal.objects.get().stage == "person"
    review = Review.objects.get()
    assert review.evaluation == submission.current and review.reasons == ["appeal"]
    assert "Second grader" in grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert invariants.everywhere() == {}


def test_a_second_grader_that_fails_leaves_it_to_a_person(second: None, submission: Submission) -> None:
    services.appeal(submission, "I named the cause.")
    claimed = submissions.claim("judge", worker="w", profile="cpu/float32/1")
    assert claimed is not None
    submissions.reject(claimed.pk, claimed.fence, "internal")
    assert Appeal.objects.get().stage == "person"
    assert submission.current.score.shown == 0.74
    assert Review.objects.get().reasons == ["appeal"]


def test_what_waits_for_a_person_is_not_sent_to_a_second_grader(second: None, ada: User, explain: Challenge) -> None:
    review = cases.waiting(ada)
    services.appeal(review.submission, "Please.")
    review.refresh_from_db()
    assert Appeal.objects.get().stage == "person"
    assert review.reasons == ["appeal", "provisional"]


@pytest.mark.parametrize(("given", "outcome"), [(ALL_MET, "raised"), (MARKS, "kept"), (NONE_MET, "lowered")], ids=str)
def test_a_person_ends_an_appeal(
    submission: Submission, ada_client: Client, grace: User, given: dict[str, str], outcome: str
) -> None:
    services.appeal(submission, "I named the cause.")
    services.decide(Review.objects.get(), by=grace, marks=given, reason="I read it twice.")
    appeal = Appeal.objects.get()
    assert (appeal.stage, appeal.outcome) == ("closed", outcome)
    assert appeal.closed_at is not None
    text = page(ada_client, submission)
    assert "A person has decided your appeal" in text and "Person-verified" in text
    assert "I read it twice" not in text
    with pytest.raises(Refused, match="already decided"):
        services.appeal(submission, "Again.")


def test_one_appeal_is_open_at_a_time(submission: Submission) -> None:
    services.appeal(submission, "One.")
    with pytest.raises(Refused) as refused:
        services.appeal(submission, "Two.")
    assert refused.value.status == 409
    other = Evaluation.objects.create(
        submission=submission, number=2, lane="judge", state="review", is_current=False, shadow=True
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Appeal.objects.create(submission=submission, evaluation=other, text="Two.")


def test_an_appealed_audit_stays_blind(ada: User, explain: Challenge, grace: User, settings: Settings) -> None:
    settings.AUDIT_SHARE_NEW = 1.0
    submission = cases.final(ada)
    services.appeal(submission, "I named the cause.")
    review = Review.objects.get()
    assert (review.kind, review.is_blind, review.reasons) == ("audit", True, ["appeal", "audit"])
    services.mark_blind(review, by=grace, marks=MARKS)
    assert Appeal.objects.get().outcome == "kept"


@pytest.mark.django_db(transaction=True)
def test_two_appeals_at_once_are_one(transactional_db: None, ada: User, tmp_path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    submission = cases.final(ada)

    def attempt(number: int) -> str:
        try:
            services.appeal(Submission.objects.get(pk=submission.pk), str(number))
            return "made"
        except Refused as refused:
            return refused.code

    assert sorted(at_once(attempt, 6)) == ["appealed"] * 5 + ["made"]
    assert Appeal.objects.count() == Review.objects.count() == 1
