"""A worker whose runner is broken stops claiming, says so, and gives its jobs back."""

import hashlib
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.urls import reverse
from django.utils import timezone

from challenges.models.catalogue import MODELS
from gradus.fleet.jobs import job_of
from gradus.reconciling import reconciler
from gradus.submissions import health, services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Run, Slot, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories
from tests.workers.test_work import TRIAL, TableRunner
from workers import breaker, failures, status
from workers.engine import model_files
from workers.grading.needs import needs
from workers.heartbeat import Heartbeat
from workers.sandbox.supervisor import GpuFailed, RunnerDied, RunnerFailed, RunnerTimeout
from workers.work import Worker

MODEL = "smollm2-135m-instruct"
GPU_FAULT = GpuFailed("the GPU failed: CUDA error: unspecified launch failure")
FAULTS = [RunnerDied("the runner ended with status 1"), RunnerFailed("RuntimeError"), RunnerTimeout(), GPU_FAULT]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model_is_here")]


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when a test adds to them."""
    now = [1000.0]
    monkeypatch.setattr(breaker, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def eight(course):
    return [factories.submit(factories.UserFactory()) for _ in range(8)]


def trials(worker):
    return [item for item in worker.runner.items if item.stage == TRIAL]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_broken_worker_beside_a_healthy_one_ends_no_job(eight, fault, grace_client):
    """The broken one is quicker, and of another profile, as with a GPU that stops working after a first trial."""
    broken, healthy = (Worker("grade", runner=TableRunner(device=device)) for device in ("cuda", "cpu"))
    broken.name = "there:grade:1"
    broken.breaker.try_again(broken.ending.is_set)
    broken.runner.fails, broken.runner.broken = fault, True
    claims = [broken.step() for _ in range(5)]
    assert claims == [True, True, True, False, False]
    while healthy.step():
        broken.step()

    assert [(one.current.state, one.current.score.shown, one.current.attempt) for one in eight] == [
        ("scored", 1.0, 1)
    ] * 8
    assert Slot.objects.of(limits.ATTEMPTS).count() == 8
    said = [alert for alert in health.alerts() if "cannot work" in alert]
    assert len(said) == 1 and "lane grade" in said[0] and "there:grade:1: The runner has failed 3 times" in said[0]
    assert (str(fault) or "RunnerTimeout") in said[0]
    assert "there:grade:1: The runner has failed" in grace_client.get(reverse("health")).content.decode()


def test_a_stopped_worker_tries_with_growing_pauses_and_claims_again_after_a_success(ada, course, clock):
    submission = factories.submit(ada)
    one = Worker("grade", runner=TableRunner(RunnerFailed("RuntimeError"), broken=True))
    while one.step():
        pass
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    before = len(trials(one))
    for pause in (10, 20, 40, 80, 160, 320, 600, 600):
        clock[0] += pause - 1
        assert not one.step() and len(trials(one)) == before
        clock[0] += 1
        before += 1
        assert not one.step() and len(trials(one)) == before
    assert "failed 11 times in a row" in WorkerStatus.objects.get().problem

    one.runner.fails = None
    clock[0] += 600
    assert one.step()
    assert submission.current.state == "scored"
    assert WorkerStatus.objects.get().problem == ""


def test_a_job_that_kills_every_runner_fails_after_its_attempts_and_stops_no_worker(ada, bob, course):
    poison, calm = factories.submit(ada), factories.submit(bob)
    one = Worker("grade", runner=TableRunner(RunnerDied("the runner ended with status 9")))
    one.runner.run = killed_by(poison, one.runner.run)
    for _ in range(2 * MAX_ATTEMPTS):
        Evaluation.objects.update(available_at=reconciler.Now())
        one.step()
    reconciler.fail_exhausted()
    assert (poison.current.state, poison.current.error_code, poison.current.attempt) == (
        "failed", "worker_lost", MAX_ATTEMPTS,
    )  # fmt: skip
    assert calm.current.state == "scored"
    assert one.problem == ""


def killed_by(poison, run):
    """A runner that only the job `poison` kills."""

    def one(item, **options):
        is_running = Evaluation.objects.filter(submission=poison, state="running").exists()
        return run(item, **options) if is_running else TableRunner().run(item, **options)

    return one


def test_a_job_after_which_no_runner_works_ends_some_day(ada, course, clock):
    """It is given back for nothing at first, as every job would be."""
    submission = factories.submit(ada)
    one = Worker("grade", runner=TableRunner(RunnerDied("status 9"), broken=True))
    for _ in range(100):
        clock[0] += breaker.LONGEST_PAUSE_SECONDS
        Evaluation.objects.update(available_at=reconciler.Now())
        one.breaker = breaker.Breaker(one.runner)
        one.step()
        reconciler.fail_exhausted()
    assert (submission.current.state, submission.current.error_code) == ("failed", "worker_lost")
    assert submission.current.fence == failures.MOST_CLAIMS + MAX_ATTEMPTS


def test_failures_that_a_success_parts_are_not_in_a_row(ada, course):
    one = Worker("grade", runner=TableRunner(broken=True))
    for _ in range(4):
        submission = factories.submit(ada)
        one.runner.fails = RunnerFailed("RuntimeError")
        one.step()
        one.runner.fails = None
        assert one.step() and submission.current.state == "scored"
        Slot.objects.of(limits.ATTEMPTS).delete()


def test_embeddings_that_do_not_work_stop_the_lane_of_free_text(ada, course):
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    one = Worker("judge", runner=TableRunner(RunnerFailed("ModuleNotFoundError"), broken=True))
    assert [one.step() for _ in range(4)] == [True, True, True, False]
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    assert "ModuleNotFoundError" in WorkerStatus.objects.get().problem


# --- damaged weights ----------------------------------------------------------------------------------------------


@pytest.fixture
def held(tmp_path, monkeypatch):
    """The folder of a base model whose weights are a few bytes."""
    monkeypatch.undo()
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    folder = tmp_path / "models" / MODEL
    folder.mkdir(parents=True)
    (folder / model_files.WEIGHTS).write_bytes(b"weights")
    (folder / model_files.DIGEST).write_text(hashlib.sha256(b"weights").hexdigest() + "\n")
    return folder


def test_nothing_is_claimed_with_damaged_weights_and_the_status_says_how_to_mend_it(ada, course, held):
    submission = factories.submit(ada)
    (held / model_files.WEIGHTS).write_bytes(b"Weights")
    one = Worker("grade", runner=TableRunner())
    assert not one.step()
    assert (submission.current.state, submission.current.fence) == ("queued", 0)
    told = WorkerStatus.objects.get()
    assert told.base_models == {} and f"Run `python -m workers.engine.fetch {MODEL}`" in told.problem

    (held / model_files.WEIGHTS).write_bytes(b"weights")
    assert one.step() and submission.current.state == "scored"
    assert WorkerStatus.objects.get().problem == ""
    # The digest is computed once for each state of the file.
    model_files._sha256.cache_clear()
    for _ in range(3):
        assert status.digests() and not status.damaged()
    assert model_files._sha256.cache_info().misses == 1
    (held / model_files.WEIGHTS).touch()
    assert status.digests() and model_files._sha256.cache_info().misses == 2


def test_weights_that_change_between_two_jobs_are_noticed(ada, course, held):
    """The time of modification is kept, as a copy or a disk may do it."""
    first, one = factories.submit(ada), Worker("grade", runner=TableRunner())
    assert one.step() and first.current.state == "scored"
    second, before = factories.submit(ada), (held / model_files.WEIGHTS).stat()
    (held / model_files.WEIGHTS).write_bytes(b"weighTs")
    os.utime(held / model_files.WEIGHTS, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not one.step() and second.current.state == "queued"


def test_another_model_that_is_whole_is_graded_meanwhile(ada, course, held, sea_or_sky):
    other = next(name for name in MODELS if name != MODEL)
    folder = held.with_name(other)
    folder.mkdir()
    (folder / model_files.WEIGHTS).write_bytes(b"changed")
    (folder / model_files.DIGEST).write_text("d" * 64)
    submission, one = factories.submit(ada), Worker("grade", runner=TableRunner())
    assert one.step() and submission.current.state == "scored"
    assert f"The weights of the base model {other} do not have the digest" in WorkerStatus.objects.get().problem


def test_a_learner_whose_model_is_broken_here_lets_a_baseline_end(ada, course, sea_or_sky):
    """Else the baseline would give way for ever to a job that this worker does not claim."""
    factories.submit(ada)
    model = sea_or_sky.spec.model
    assert services.learner_waits("grade", "cpu") and not services.learner_waits("grade", "cpu", {model})


def test_a_job_bound_to_the_profile_of_a_worker_in_trouble_may_go_elsewhere(ada, course):
    submission = factories.submit(ada)
    Evaluation.objects.filter(pk=submission.current.pk).update(engine_profile="cuda/float32/1")
    row = WorkerStatus.objects.create(name="broken", lane="grade", profile="cuda/float32/1")
    assert reconciler.unbind_lost_profiles() == 0
    WorkerStatus.objects.filter(pk=row.pk).update(problem="The runner has failed 3 times in a row.")
    assert reconciler.unbind_lost_profiles() == 1


def test_what_is_trained_or_adapted_here_needs_the_runner_although_answers_come_from_elsewhere(
    ada, course, ticket, sea_or_sky
):
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    trained = factories.submit(ada, "ticket", {**factories.LORA, "rows": rows}).current
    prompted = factories.submit(ada).current
    remotes, model = {ticket.spec.model: True}, sea_or_sky.spec.model
    assert needs(job_of(trained), remotes) == [ticket.spec.model] and needs(job_of(prompted), remotes) == []
    # A demo with an adapter, unless the server loads adapters.
    run = services.start_run(None, sea_or_sky.version, factories.PROMPT, purpose="demo", inputs=["x"])
    assert needs(job_of(run.current), {model: False}) == []
    Run.objects.filter(pk=run.pk).update(adapter="demo/adapter")
    for loads, needed in ((False, [model]), (True, [])):
        assert needs(job_of(Run.objects.get(pk=run.pk).current), {model: loads}) == needed


def test_a_job_that_met_a_full_gpu_waits_and_is_graded_later(ada, course):
    """The trial succeeds: what filled the GPU has gone meanwhile. The learner's attempt is not lost."""
    submission = factories.submit(ada)
    full = GpuFailed("the GPU failed: no memory was left: other processes hold 19.0 of its 22.0 GiB")
    one = Worker("grade", runner=TableRunner(full, device="cuda"))
    one.breaker.try_again(one.ending.is_set)
    one.step()
    waits = submission.current.available_at - submission.current.created_at
    assert (submission.current.state, submission.current.attempt) == ("queued", 1)
    assert waits.total_seconds() > failures.GPU_SECONDS
    assert not one.step(), "it is not tried again at once"
    one.runner.fails = None
    Evaluation.objects.update(available_at=reconciler.Now())
    assert one.step() and submission.current.state == "scored"
    assert Slot.objects.of(limits.ATTEMPTS).count() == 1


# --- other weights ------------------------------------------------------------------------------------------------

OTHERS = {"lane": "grade", "base_models": {MODEL: "e" * 64}}


def test_nothing_is_claimed_with_other_weights_than_a_worker_has_that_was_here_before(ada, course, held):
    submission = factories.submit(ada)
    first = WorkerStatus.objects.create(name="first", **OTHERS)
    one = Worker("grade", runner=TableRunner())
    assert not one.step() and (submission.current.state, submission.current.fence) == ("queued", 0)
    told = WorkerStatus.objects.get(name=one.name)
    assert f"{'e' * 12} at first" in told.problem and f"Run `python -m workers.engine.fetch {MODEL}`" in told.problem
    assert told.base_models == {}, "it does not name a model with which it claims nothing"
    # Once it is away, or has the same weights, nothing speaks against ours.
    WorkerStatus.objects.filter(pk=first.pk).update(base_models=status.digests())
    assert one.step() and submission.current.state == "scored"
    told.refresh_from_db()
    assert told.problem == "" and told.base_models == status.digests() != {}


def test_weights_of_a_worker_that_is_away_or_does_not_work_are_not_compared(ada, course, held):
    away = timezone.now() - ALIVE - timedelta(seconds=1)
    WorkerStatus.objects.create(name="away", last_seen=away, **OTHERS)
    WorkerStatus.objects.create(name="in trouble", problem="No model files.", lane="grade", base_models={})
    submission, one = factories.submit(ada), Worker("grade", runner=TableRunner())
    assert one.step() and submission.current.state == "scored"
    # It has trouble with another base model, and grades.
    WorkerStatus.objects.create(name="later", problem="The weights of another base model are damaged.", **OTHERS)
    assert status.other_weights(one.site, one.name) == {} and list(status.other_weights(one.site, "newest")) == [MODEL]


def test_a_worker_at_work_is_seen(ada, course, held):
    factories.submit(ada)
    seen = []

    class Long(TableRunner):
        def run(self, item, **more):
            WorkerStatus.objects.update(last_seen=timezone.now() - ALIVE - timedelta(seconds=1))
            evaluation = Evaluation.objects.get(state="running")
            Heartbeat(job_of(evaluation), one.name, one.site)._beat()
            seen.append(WorkerStatus.objects.get(name=one.name).last_seen > timezone.now() - ALIVE)
            return super().run(item, **more)

    one = Worker("grade", runner=Long())
    assert one.step() and seen and all(seen)
