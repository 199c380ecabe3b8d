from datetime import timedelta

import pytest
from django.db.models.functions import Now

from gradus.courses.models import ChallengeVersion
from gradus.reconciling import invariants, reconciler
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Refund, Score, Slot, Standing
from gradus.submissions.services import Outcome, Refused
from gradus.submissions.services.finish import LeaseLost
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories

OUTCOME = Outcome(result={}, score=0.7199)


@pytest.fixture
def submission(ada, course):
    return factories.submit(ada)


@pytest.fixture
def running(submission):
    return factories.claimed(submission)


def expire(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(lease_until=Now() - timedelta(seconds=1))


def claim(lane: str = "grade", profile: str = "cpu/float32/1"):
    return services.claim(lane, worker="w", profile=profile)


def test_a_claim_takes_what_waits_in_its_lane_once_with_a_fence_and_a_lease(submission):
    assert claim("train") is None and submission.current.state == "queued"
    running = claim()
    assert (running.state, running.fence, running.attempt) == ("running", 1, 1)
    assert running.lease_until is not None
    assert Event.objects.get(evaluation=running).type == "started"
    assert claim() is None


def test_the_learner_with_fewer_open_ones_goes_first(ada, bob, course):
    factories.submit(ada)
    ada_second = factories.submit(ada)
    bob_first = factories.submit(bob)

    claim()
    assert claim().submission == bob_first
    assert claim().submission == ada_second


def test_a_retry_waits_for_its_own_kind_of_machine(running):
    expire(running)
    reconciler.requeue_expired()

    assert claim(profile="cuda/bfloat16/8") is None
    assert claim(profile="cpu/float32/1").fence == 2


def test_what_a_broken_worker_gives_back_is_for_any_machine_and_costs_no_attempt(running):
    assert services.release(running.pk, running.fence, broken=True)
    again = claim(profile="cuda/bfloat16/8")
    assert (again.pk, again.fence, again.attempt) == (running.pk, 2, 1)
    assert not services.release(running.pk, running.fence, broken=True)


def needs(model, version):
    ChallengeVersion.objects.filter(pk=version.pk).update(spec={**version.spec, "model": model})


@pytest.mark.parametrize("kind", ["submission", "run", "regrade"])
def test_a_base_model_that_a_worker_cannot_compute_is_left_for_others(kind, ada, course, sea_or_sky):
    version = sea_or_sky.version
    owner = services.start_run(ada, version, factories.PROMPT) if kind == "run" else factories.submit(ada)
    if kind == "regrade":
        version.pk, version.digest, version.version = None, "f" * 64, "9.9.9"
        version.save()
        Evaluation.objects.update(graded_version=version)
    needs("broken", version)
    lane = owner.current.lane
    assert services.claim(lane, worker="w", profile="cpu", without=["broken", "other"]) is None
    assert services.claim(lane, worker="w", profile="cpu", without=["other"]) == owner.current


def test_record_writes_score_standing_and_frees_the_slot_once(ada, running, submission):
    services.record(running.pk, running.fence, OUTCOME)

    score = Score.objects.get(evaluation=running)
    standing = Standing.objects.get(user=ada)
    assert (score.value, score.shown, score.passed, score.gold) == (0.7199, 0.70, True, False)
    assert score.verified_by == "code"
    assert (standing.shown, standing.passed, standing.track) == (0.70, True, "prompt")
    assert submission.current.state == "scored"
    assert not Slot.objects.of(limits.OPEN_SUBMISSIONS).exists()
    assert Event.objects.filter(evaluation=running).last().data == {"status": "scored"}
    with pytest.raises(LeaseLost):
        services.record(running.pk, running.fence, Outcome(result={}, score=0.1))
    assert Score.objects.get().value == 0.7199


def test_a_stale_fence_changes_nothing(running, submission):
    expire(running)
    reconciler.requeue_expired()
    again = claim()

    with pytest.raises(LeaseLost):
        services.record(running.pk, running.fence, OUTCOME)
    assert not services.heartbeat(running.pk, running.fence)
    assert not services.append_events(running.pk, running.fence, [("progress", {})])
    assert not Score.objects.exists()

    services.record(again.pk, again.fence, OUTCOME)
    assert Score.objects.count() == 1


def test_an_error_while_recording_rolls_all_of_it_back(running, submission):
    with pytest.raises(Exception, match="score_in_unit"):
        services.record(running.pk, running.fence, Outcome(result={}, score=1.5))

    submission.refresh_from_db()
    assert submission.current.state == "running"
    assert not Standing.objects.exists()


def test_postpone_waits_and_does_not_count(running):
    services.postpone(running.pk, running.fence, 120, "judge_busy")
    running.refresh_from_db()

    assert (running.state, running.attempt, running.lease_until) == ("queued", 0, None)
    assert running.postponed_since is not None
    assert claim() is None


def test_the_reconciler_requeues_and_after_the_last_attempt_fails_with_a_refund(running, submission):
    assert reconciler.sweep()["requeued"] == 0 and submission.current.state == "running", "its lease is alive"
    for attempt in range(2, MAX_ATTEMPTS + 1):
        expire(running)
        assert reconciler.requeue_expired() == 1
        running = claim()
        assert running.attempt == attempt
    expire(running)

    assert reconciler.requeue_expired() == 0
    assert reconciler.fail_exhausted() == 1
    assert (submission.current.state, submission.current.error_code) == ("failed", "worker_lost")
    assert f"stopped {MAX_ATTEMPTS} times" in submission.current.message
    assert Refund.objects.count() == 1
    assert not invariants.everywhere()


def test_a_regrade_is_a_new_evaluation_and_becomes_current_with_its_result_alone(ada, running, submission):
    services.record(running.pk, running.fence, OUTCOME)
    services.regrade(submission)
    failed = claim()
    services.reject(failed.pk, failed.fence, "internal")
    assert submission.current.pk == running.pk
    assert Standing.objects.get(user=ada).shown == 0.70
    assert Slot.objects.of(limits.ATTEMPTS).exists()

    new = services.regrade(submission)
    assert submission.current == running
    claimed = claim()
    services.record(claimed.pk, claimed.fence, Outcome(result={}, score=0.9))
    assert claimed.pk == new.pk == submission.current.pk
    assert Score.objects.count() == 2
    assert Standing.objects.get(user=ada).shown == 0.90


def test_a_provisional_grade_has_no_gold_and_no_rank_and_a_persons_decision_stays(ada, grace, running, submission):
    services.record(running.pk, running.fence, Outcome(result={}, score=0.95, provisional=True))
    standing = Standing.objects.get(user=ada)
    assert submission.current.state == "review"
    assert (standing.passed, standing.gold, standing.provisional) == (True, False, True)
    assert not Standing.objects.ranked(submission.challenge.course).exists()

    decided = services.decide(submission, by=grace, value=0.8, result={})
    assert submission.current == decided
    assert (decided.score.verified_by, decided.score.provisional, decided.score.person) == ("person", False, grace)
    assert Standing.objects.get(user=ada).shown == 0.80
    with pytest.raises(Refused):
        services.regrade(submission)


def test_the_standing_keeps_the_best_attempt(ada, course):
    for score in (0.5, 0.9, 0.6):
        factories.grade(factories.submit(ada), score)

    assert Standing.objects.get(user=ada).shown == 0.90


def test_what_postgresql_cannot_store_is_replaced_and_the_grade_is_kept(running):
    broken, shown = "a\x00b\ud800c", "a\ufffdb\ufffdc"
    result = {"public": {"rows": [{"id": "one", "output": broken}]}}
    assert services.append_events(running.pk, running.fence, [("progress", {"text": broken})])
    evaluation = services.record(running.pk, running.fence, Outcome(result=result, score=0.5))
    evaluation.refresh_from_db()
    assert evaluation.state == "scored"
    assert evaluation.result["public"]["rows"] == [{"id": "one", "output": shown}]
    assert evaluation.events.get(type="progress").data == {"text": shown}
