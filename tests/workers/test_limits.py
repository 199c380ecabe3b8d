"""A trial that reaches its limit says so, and shows what it has finished; a trial of DPO fits its limit."""

from __future__ import annotations

from typing import Any

import pytest

from challenges import payloads
from challenges.kinds import registry as kinds
from challenges.kinds.base import TRIAL_SECONDS
from challenges.reading import read_challenge
from graders.base import Assignment
from gradus.cli import output
from gradus.submissions import services
from gradus.submissions.models import Run
from gradus.submissions.states import State
from tests import factories
from tests.workers.grading.test_kept_training import Trainer
from tests.workers.grading.test_live_rows import TellingRunner
from workers import execute
from workers.engine.model_files import PROJECT
from workers.sandbox.supervisor import RunnerTimeout, WorkLimit
from workers.work import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")

PREFERENCES = PROJECT / "challenges/library/teaching-preferences/short-and-still-right"


class Late(TellingRunner):
    """Tells two rows of public samples, and then its time is over."""

    def __init__(self, error: type[RunnerTimeout]) -> None:
        super().__init__()
        self.error = error

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        told = []
        found = super().run(item, on_event=told.append, should_stop=should_stop, seconds=seconds)
        if item.stage != "public":
            return found
        for event in [one for one in told if one["type"] == "rows"][:2]:
            on_event(event)
        raise self.error


@pytest.fixture
def late_run(ada, sea_or_sky):
    def make(error: type[RunnerTimeout]) -> Run:
        run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
        assert Worker("interactive", runner=Late(error)).step()
        return run

    return make


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WorkLimit, "work_limit", "This run reached its limit of computing time; waiting in the queue does not count."),
        (RunnerTimeout, "timeout", "This run took longer than it may, probably because the server is busy."),
    ],
)
def test_a_trial_at_its_limit_says_so_and_keeps_what_was_finished(ada_client, late_run, capsys, error, code, said):
    run = late_run(error)
    evaluation = run.current
    assert (evaluation.state, evaluation.error_code) == (State.FAILED, code)
    page = ada_client.get(f"/runs/{run.uuid}/").content.decode()
    assert said in page and "wrong on our side" not in page and "Our fault" not in page
    assert "Time limit reached" in page and "2 of 4 public samples were finished. The limit is 3 min" in page
    assert page.count("data-item") == 2 and "attempt" not in evaluation.message

    told = ada_client.get(f"/api/v1/runs/{run.uuid}").json()
    assert (told["status"], told["error"]["code"]) == ("failed", code)
    assert told["result"]["unfinished"] == {"finished": 2, "of": 4, "seconds": 180}
    assert [row["correct"] for row in told["result"]["public"]["rows"]] == [True, True]
    assert told["result"]["public"]["score"] is None, "a score of two rows would be compared with one of four"

    output.result(told, {})
    printed = " ".join(capsys.readouterr().out.split())
    assert said in printed and "time limit reached" in printed and "attempt given back" not in printed
    assert "2 of 4 public samples were finished; the limit is 180 seconds of computing time." in printed


def test_a_later_run_is_not_compared_with_an_unfinished_one(ada, ada_client, sea_or_sky, late_run):
    late_run(WorkLimit)
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert Worker("interactive", runner=TellingRunner()).step()
    page = ada_client.get(f"/runs/{run.uuid}/").content.decode()
    assert "the run before" not in page and page.count("data-item") == 4
    assert ada_client.get(f"/challenges/{sea_or_sky.slug}/").status_code == 200


def test_an_attempt_at_its_limit_keeps_no_rows_and_is_given_back(ada, course):
    submission = factories.submit(ada)
    assert Worker("grade", runner=Late(WorkLimit)).step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.error_code, evaluation.result) == (State.FAILED, "work_limit", None)
    assert "attempt was given back" in evaluation.message and submission.refund


def test_a_trial_that_was_trained_shows_its_training(ada, ada_client, sea_or_sky, tmp_path):
    class LateTrainer(Trainer):
        def run(self, item: Any, **rest: Any) -> Any:
            if getattr(item, "stage", "") == "public":
                raise WorkLimit
            return super().run(item, **rest)

    run = services.start_run(ada, sea_or_sky.version, factories.LORA)
    assert Worker("interactive", runner=LateTrainer(tmp_path)).step()
    assert run.current.result["training"]["steps"] == 2.0 and run.current.trained is None
    page = ada_client.get(f"/runs/{run.uuid}/").content.decode()
    assert "0 of 4 public samples were finished" in page and "Training loss" in page


def test_a_trial_of_training_has_its_share_of_the_time_for_training():
    """Twenty steps with batches of 4 took 167 seconds on one core, and with batches of 8 they took 310."""
    bundle = read_challenge(PREFERENCES)
    section = bundle.challenge.keys_of("tune").tune
    payload = next(one.payload for one in bundle.baselines if one.ref.file.endswith("good.yaml"))
    seconds = execute.job_seconds(Assignment(bundle, payload, hidden=False))
    assert seconds == TRIAL_SECONDS + section.seconds * 20 / 24
    long = payload.hyperparameters.model_copy(update={"num_train_epochs": 4, "per_device_train_batch_size": 2})
    asked = payload.model_copy(update={"hyperparameters": long})
    assert execute.job_seconds(Assignment(bundle, asked, hidden=False)) == TRIAL_SECONDS + section.seconds * 20 / 96
    prompt = payloads.parse(factories.PROMPT)
    assert kinds.find("prompt").trial_seconds(bundle.challenge, prompt) == TRIAL_SECONDS
