"""The runner of the lane `interactive` loads its base model before anybody waits for it."""

import pytest

from gradus.submissions import services
from tests import factories
from tests.workers.test_work import TableRunner
from workers import status
from workers.sandbox.supervisor import RunnerDied
from workers.work import Worker

MODEL = "smollm2-135m-instruct"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model_is_here")]


def stages(worker):
    return [item.stage for item in worker.runner.items]


def test_a_worker_with_nothing_to_grade_warms_its_runner_once_the_model_is_there(monkeypatch):
    worker = Worker("interactive", runner=TableRunner())
    with monkeypatch.context() as without:
        without.setattr(status, "digests", dict)
        worker.answer_bell()
    assert stages(worker) == []
    worker.answer_bell()
    worker.answer_bell()
    assert stages(worker) == ["warm"]
    assert worker.runner.items[0].model == MODEL


def test_other_lanes_and_a_worker_that_ends_warm_nothing():
    ending = Worker("interactive", runner=TableRunner())
    ending.end()
    for worker in (ending, *(Worker(lane, runner=TableRunner()) for lane in ("grade", "train"))):
        worker.answer_bell()
        assert stages(worker) == []


def test_a_job_that_waits_comes_first(ada, course):
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    worker = Worker("interactive", runner=TableRunner())
    worker.answer_bell()
    assert run.current.state == "scored"
    assert stages(worker) and "warm" not in stages(worker)


def on_a_gpu(lane, *given, **more):
    runner = TableRunner(*given, **more)
    runner.device = "cuda"
    return Worker(lane, runner=runner)


@pytest.mark.parametrize("lane", ["interactive", "grade"])
def test_a_gpu_is_tried_before_a_job_is_claimed(lane, ada, course):
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    worker = on_a_gpu(lane, RunnerDied("status 1"), broken=True)
    assert "has not been tried with the base model" in worker.problem
    assert worker.step() is False and stages(worker) == ["warm"]
    assert "has failed once with the base model" in worker.problem and "(status 1)" in worker.problem
    # The next trial has to wait.
    assert worker.step() is False and stages(worker) == ["warm"]
    run.refresh_from_db()
    assert (run.current.state, run.current.fence) == ("queued", 0)
    worker = on_a_gpu(lane)
    worker.step()
    assert stages(worker)[0] == "warm" and worker.problem == ""


def test_a_runner_that_dies_meanwhile_does_not_end_the_worker(ada, course):
    worker = Worker("interactive", runner=TableRunner(RunnerDied("status -9"), broken=True))
    worker.answer_bell()
    assert stages(worker) == ["warm"]
    worker.runner.fails = None
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    worker.answer_bell()
    assert run.current.state == "scored"
