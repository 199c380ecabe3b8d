import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Slot, Submission
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import parse
from tests import factories
from tests.challenges.kinds.rag_bundle import GOOD, rag_bundle
from tests.threads import at_once


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("overlap", 1.0, "0 and 0.5"),
        ("overlap", -0.1, "0 and 0.5"),
        ("chunk_words", 0, "10 and 100"),
        ("top_k", 21, "1 and 8"),
    ],
)
def test_a_refusal_names_the_challenge_s_limit_and_not_that_of_all_challenges(field, value, limit):
    with pytest.raises(Refused) as refused:
        parse(rag_bundle().challenge, {**GOOD, field: value})
    (problem,) = refused.value.problems
    assert (problem["field"], problem["message"]) == (field, f"The value must be between {limit}.")


def submit(user: User, challenge: Challenge, payload=factories.PROMPT, key=None):
    return services.submit(user, challenge, payload, idempotency_key=key or uuid.uuid4().hex)


@pytest.mark.parametrize(
    ("slug", "payload", "lane"),
    [
        ("sea-or-sky", factories.PROMPT, "grade"),
        ("sea-or-sky", factories.LORA, "train"),
        ("explain", factories.FREE_TEXT, "judge"),
    ],
)
def test_a_submit_stores_the_attempt_its_slot_and_an_evaluation_in_its_lane(ada, course, slug, payload, lane):
    challenge = factories.challenge(slug)
    submission, is_new = submit(ada, challenge, payload)

    evaluation = submission.current
    assert is_new
    assert (evaluation.state, evaluation.lane, evaluation.fair_share_rank, evaluation.fence) == ("queued", lane, 0, 0)
    assert Slot.objects.of(limits.ATTEMPTS).get(submission=submission).number == 1
    left = slots.left(limits.ATTEMPTS, Use(user=ada, challenge=challenge))
    assert left == challenge.spec.limits.attempts_per_day - 1


def test_a_key_stands_for_one_submission_of_one_payload(ada, sea_or_sky):
    first, _ = submit(ada, sea_or_sky, key="k")
    again, is_new = submit(ada, sea_or_sky, key="k")

    assert (again.pk, is_new) == (first.pk, False)
    with pytest.raises(Refused) as refused:
        submit(ada, sea_or_sky, {**factories.PROMPT, "instructions": "Other."}, key="k")
    assert (refused.value.status, refused.value.code) == (409, "key_reused")
    assert Slot.objects.of(limits.ATTEMPTS).count() == 1


ROW = {"input": "a", "output": "sea"}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"kind": "prompt", "instructions": 7}, "instructions"),
        ({"kind": "prompt", "surprise": 1}, "surprise"),
        ({"kind": "poem"}, ""),
        ([], ""),
        ({"kind": "tune", "rows": [ROW, {"input": "b"}]}, "rows.1.output"),
        ({"kind": "tune", "rows": [ROW], "hyperparameters": {"r": 7}}, "hyperparameters.r"),
        ({"kind": "tune", "rows": [ROW], "hyperparameters": {"learning_rate": "NaN"}}, "hyperparameters.learning_rate"),
    ],
)
def test_a_bad_payload_names_its_field_and_spends_nothing(ada, sea_or_sky, payload, field):
    with pytest.raises(Refused) as refused:
        submit(ada, sea_or_sky, payload)

    assert refused.value.status == 422
    problems = {problem["field"]: problem for problem in refused.value.problems}
    assert field in problems and (field != "rows.1.output" or problems[field]["line"] == 2)
    assert not Submission.objects.exists()
    assert not Slot.objects.of(limits.ATTEMPTS).exists()


def test_over_quota_nothing_is_stored_and_the_wait_is_told(ada, sea_or_sky):
    for _ in range(sea_or_sky.spec.limits.attempts_per_day):
        factories.grade(submit(ada, sea_or_sky)[0])
    before = Submission.objects.count()
    with pytest.raises(Refused) as refused:
        submit(ada, sea_or_sky)

    assert (refused.value.status, refused.value.code) == (429, "over_quota")
    assert 0 < refused.value.retry_after <= 86_400
    assert Submission.objects.count() == before


def test_the_database_refuses_an_evaluation_of_nothing(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        Evaluation.objects.create(lane="grade")


def test_the_database_refuses_a_second_open_evaluation(ada, sea_or_sky):
    submission, _ = submit(ada, sea_or_sky)
    with pytest.raises(IntegrityError), transaction.atomic():
        Evaluation.objects.create(submission=submission, number=2, is_current=False, lane="grade")


def test_a_broker_that_is_down_is_no_error(ada, sea_or_sky, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    submission, _ = submit(ada, sea_or_sky)

    assert submission.current.state == "queued"


@pytest.mark.django_db(transaction=True)
def test_parallel_submits_take_exactly_the_allowed_slots(ada, sea_or_sky, settings):
    """All at once, against the real constraints: a count before an insert would let some through."""
    allowed = sea_or_sky.spec.limits.attempts_per_day
    day = str(timezone.now().date())
    for _ in range(allowed - 2):
        factories.grade(submit(ada, sea_or_sky)[0])

    def attempt(number: int) -> str:
        try:
            submit(ada, sea_or_sky, key=f"parallel-{number}")
            return "taken"
        except Refused as refused:
            return refused.code

    assert at_once(attempt, 16).count("taken") == 2
    assert Slot.objects.of(limits.ATTEMPTS).filter(user=ada, period=day).count() == allowed
    assert Submission.objects.count() == Evaluation.objects.count() == allowed
