"""A worker that measures what a request costs, with a runner that answers from a table."""

from __future__ import annotations

import pytest

from graders.base import Assignment, Train, Trained
from graders.registry import grade
from graders.request_costs import TIMES, measure_requests
from gradus.fleet.jobs import job_of
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Score, Slot
from tests import factories
from tests.graders.bundles import bundle, challenge, samples
from tests.graders.test_request_costs import PROMPT
from tests.graders.test_tune import PAYLOAD as TUNE
from tests.workers import tiny
from tests.workers.sandbox.test_runner import Settled
from tests.workers.test_work import TableRunner
from workers.execute import execute
from workers.grading.assignments import _quiet_since
from workers.sandbox.supervisor import Runner
from workers.transport.beside import Beside
from workers.work import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")


class TrainingRunner(TableRunner):
    """Also trains, in no time; calls `meanwhile` before each answer."""

    def __init__(self, folder, meanwhile=lambda: None):
        super().__init__()
        self.folder, self.meanwhile, self.forgotten = folder, meanwhile, 0

    def run(self, item, **how):
        self.meanwhile()
        if not isinstance(item, Train):
            return super().run(item, **how)
        self.items.append(item)
        return Trained(str(self.folder), 6, 0.4, None, 0.01, 1000, 120, 2.5, peak_bytes=7_000_000)

    def forget(self):
        self.forgotten += 1


def measure(ada, payload=factories.PROMPT):
    submission = factories.submit(ada, payload=payload)
    factories.grade(submission)
    return services.measure_attempt(ada, factories.challenge("sea-or-sky"), submission)


def test_several_repetitions_of_public_rows_are_kept(ada, course, tmp_path):
    run = measure(ada)
    runner = TrainingRunner(tmp_path)
    assert Worker("train", runner=runner).step()

    result = Evaluation.objects.get(run=run).result
    rows = len(run.version.samples)
    assert run.current.state == "scored" and len(runner.items) == TIMES + 1
    assert {len(item.suffixes) for item in runner.items} == {rows}
    assert result["measured"]["ms"] == [round(1000 * 0.1 / rows, 3)] * TIMES
    assert result["measured"]["tokens"] == [[10, 0]] * rows
    assert Slot.objects.of(limits.ATTEMPTS).count() == Score.objects.count() == 1


def test_an_adapter_is_trained_in_full_and_not_kept(ada, course, tmp_path):
    run = measure(ada, factories.LORA)
    runner = TrainingRunner(tmp_path)
    assert Worker("train", runner=runner).step()

    train = runner.items[0]
    assert isinstance(train, Train) and train.max_steps is None and runner.forgotten == 1
    assert run.current.result["training"]["peak_bytes"] == 7_000_000
    assert run.current.artifact == "" and not (tmp_path / "artifacts").exists()


def test_on_a_machine_that_is_not_idle_it_is_tried_again_later(ada, bob, course, tmp_path):
    run = measure(ada)
    busy = factories.submit(bob)
    worker = Worker("train", runner=TrainingRunner(tmp_path))
    here = services.claim("grade", worker=worker.name.replace("train", "grade"), profile="cpu")
    assert here == busy.current

    assert worker.step()
    evaluation = run.current
    assert (evaluation.state, evaluation.attempt) == ("queued", 0)
    assert Event.objects.get(evaluation=evaluation, type="postponed").data["reason"] == "not_idle"


def test_it_gives_way_to_a_learner_who_waits(ada, bob, course, tmp_path, monkeypatch):
    monkeypatch.setattr("workers.worker.GIVE_WAY_SECONDS", 0.0)
    run = measure(ada)
    waiting = []

    def learner_comes():
        if not waiting:
            waiting.append(factories.submit(bob, payload=factories.LORA))

    worker = Worker("train", runner=TrainingRunner(tmp_path, learner_comes))
    assert worker.step()
    assert (run.current.state, run.current.attempt) == ("queued", 0)
    assert services.claim("train", worker="w", profile=worker.profile) == waiting[0].current


def test_a_moment_is_quiet_if_nothing_else_runs(ada, bob, course):
    run = measure(ada)
    assert _quiet_since(job_of(run.current), Beside())() is True
    evaluation = factories.claimed(factories.submit(bob))
    was_quiet = _quiet_since(job_of(run.current), Beside())
    Evaluation.objects.filter(pk=evaluation.pk).update(worker=Worker("grade", runner=TableRunner()).name)
    assert was_quiet() is False


@pytest.mark.parametrize("payload", [PROMPT, TUNE], ids=["prompt", "tune"])
def test_a_real_runner_is_timed(models_dir, payload):
    """The tiny model answers, in a child process, and trains where there is something to train."""
    spec = challenge(also=["tune"], tune={}).model_copy(update={"model": tiny.NAME})
    public = samples(["Dermatologist", "Urologist"], "p")
    task = Assignment(bundle(spec, public, samples(["Urologist"], "h")), payload, hidden=False, whole=True)
    runner = Runner(threads=1, models_dir=models_dir, device="cpu", dtype="float32", choices=Settled())
    try:
        grading = measure_requests(grade(task), len(public), lambda: lambda: True, len)
        found = execute(grading, runner, None, lambda event: None, lambda: False, 120)
    finally:
        runner.close()
    assert len(found.measured["ms"]) == TIMES and all(spent > 0 for spent in found.measured["ms"])
    assert all(read > 0 and written == 0 for read, written in found.measured["tokens"])
    assert ("peak_bytes" in found.training) == (payload is TUNE)
