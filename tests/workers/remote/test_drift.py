"""A remote engine that answers otherwise than it did is not asked, and staff read why in one line."""

import json
import os

import pytest
from werkzeug import Response

from gradus.fleet.jobs import job_of
from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.workers import tiny
from tests.workers.remote.vllm import Vllm
from tests.workers.test_work import TableRunner
from workers import status
from workers.engine import models
from workers.grading.needs import local_model
from workers.remote import drift
from workers.remote.adapters import TURN
from workers.remote.calls import EngineMisconfigured
from workers.remote.drift import Checks
from workers.work import Worker

MODEL = "smollm2-135m-instruct"


@pytest.fixture
def checks(engine, tmp_path):
    """Checks of a worker that has just started."""

    def start():
        made = Checks({tiny.NAME: engine}, tmp_path / "kept")
        assert "not been checked" in made.closed()[tiny.NAME]
        made.run(lambda: False)
        return made

    return start


@pytest.fixture
def hurried(monkeypatch):
    """No pause between two checks."""
    monkeypatch.setattr(drift, "PAUSE_SECONDS", -1.0)


@pytest.fixture
def kept(tmp_path):
    """The file of the tiny model's values."""
    return tmp_path / "kept" / f"{tiny.NAME}.json"


def test_six_values_are_kept_and_compared_at_each_start(vllm, checks, kept):
    assert checks().closed() == {}
    values = json.loads(kept.read_text())["logprobs"]
    assert len(values) == 6 and all(value < 0 for value in values)
    assert checks().closed() == {}
    assert json.loads(kept.read_text())["logprobs"] == values
    # A difference of rounding is none.
    kept.write_text(json.dumps({"logprobs": [value + 0.01 for value in values]}))
    assert checks().closed() == {}


def test_a_server_that_answers_otherwise_is_closed_until_it_answers_as_before(vllm, checks, kept, hurried):
    checks()
    right = json.loads(kept.read_text())
    kept.write_text(json.dumps({"logprobs": [right["logprobs"][0] - 0.5, *right["logprobs"][1:]]}))
    later = checks()
    said = later.closed()[tiny.NAME]
    assert "answers otherwise than before: a log-probability is off by 0.50" in said and str(kept) in said
    assert "\n" not in said
    kept.write_text(json.dumps(right))
    later.run(lambda: False)
    assert later.closed() == {}


def test_a_server_that_is_away_is_asked_once_and_not_again_at_once(httpserver, engine, checks):
    httpserver.expect_request("/v1/completions").respond_with_data("", status=503)
    found = checks()
    assert "does not answer (engine_503)" in found.closed()[tiny.NAME]
    # Requests that started beside the one that failed have ended after this.
    engine.close()
    asked = [request.get_data() for request, _ in httpserver.log]
    assert asked and len(set(asked)) == len(asked)
    found.run(lambda: False)
    assert len(httpserver.log) == len(asked)
    assert "does not answer (engine_503)" in found.closed()[tiny.NAME]


def test_a_server_that_failed_in_a_job_is_checked_before_the_next(vllm, checks):
    found = checks()
    found.doubt("another-model")
    assert found.closed() == {}
    found.doubt(tiny.NAME)
    assert "failed in a job" in found.closed()[tiny.NAME]
    found.run(lambda: False)
    assert found.closed() == {}


def test_a_check_does_not_wait_for_its_turn_for_ever(vllm, engine, checks, shared, monkeypatch):
    monkeypatch.setattr(drift, "CHECK_SECONDS", 0.01)
    turn = shared.lock(TURN)
    assert "does not answer (engine_slow)" in checks().closed()[tiny.NAME] and vllm.bodies == []
    os.close(turn)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"logprobs": [-1.0]}', '{"logprobs": "abcdef"}'])
def test_a_file_that_holds_something_else_is_said_and_ends_no_worker(vllm, engine, checks, kept, content, hurried):
    checks()
    kept.write_text(content)
    later = checks()
    assert "Delete the file" in later.closed()[tiny.NAME] and str(kept) in later.closed()[tiny.NAME]
    # Values that cannot be kept, as the folder is a file.
    unable = Checks({tiny.NAME: engine}, kept)
    unable.run(lambda: False)
    assert "cannot be kept" in unable.closed()[tiny.NAME]
    kept.unlink()
    later.run(lambda: False)
    assert later.closed() == {} and list(kept.parent.iterdir()) == [kept]


@pytest.fixture
def served(httpserver, tmp_path, monkeypatch):
    """A worker's environment in which the built-in model, which is the tiny one here, is served elsewhere."""
    data = tmp_path / "data"
    tiny.build(data / "models", name=MODEL)
    monkeypatch.setenv("GRADUS_DATA_DIR", str(data))
    monkeypatch.setenv("GRADUS_REMOTE_ENGINES", f"{MODEL}={httpserver.url_for('/v1')}#served-name")
    monkeypatch.setattr(status, "digests", dict)
    return Vllm(httpserver, models.load(data / "models" / MODEL))


def test_a_worker_without_weights_grades_by_a_server_and_stops_where_it_drifts(ada, course, served, tmp_path):
    submission = factories.submit(ada)
    grading = Worker("grade", runner=TableRunner())
    assert grading.step()
    assert submission.current.state == "scored" and submission.current.engine_choice == ""
    assert submission.current.engine_profile.endswith(f"remote:{MODEL}")
    assert grading.runner.items == [] and grading.problem == ""

    file = tmp_path / "data" / "remote-engines" / f"{MODEL}.json"
    file.write_text(json.dumps({"logprobs": [-9.0] * 6}))
    again = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Sea or sky?"})
    grading = Worker("grade", runner=TableRunner())
    assert not grading.step() and "answers otherwise than before" in grading.problem
    evaluation = again.current
    assert (evaluation.state, evaluation.attempt) == ("queued", 0)


def test_a_server_that_goes_away_in_a_job_costs_no_attempt(ada, course, served, monkeypatch):
    monkeypatch.setattr("workers.remote.calls.BACKOFF_SECONDS", 0.001)
    submission = factories.submit(ada)
    grading = Worker("grade", runner=TableRunner())
    grading.checks.run(lambda: False)
    served.before = lambda body: Response("", 503)
    assert grading.step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.attempt) == ("queued", 0)
    assert "failed in a job" in grading.problem
    assert not grading.step() and "does not answer (engine_503)" in grading.problem


def test_many_models_have_a_short_profile():
    class Here:
        device, dtype, threads = "cpu", "float32", 1

    few = status.profile(Here, {"a-model": True, "b": False})
    assert few == "cpu/float32/1/remote+lora:a-model/remote:b"
    many = [status.profile(Here, {f"a-model-with-a-long-name-{n}": lora for n in range(5)}) for lora in (True, False)]
    assert len(set(many)) == 2 and max(map(len, many)) < 80


def test_a_worker_without_weights_gives_back_what_only_the_runner_can_answer(ada, course, served):
    """A demo's adapter without a folder that the server shares: another worker may hold the model."""
    run = services.start_run(None, factories.challenge("sea-or-sky").version, factories.PROMPT, purpose="demo")
    Run.objects.filter(pk=run.pk).update(adapter="demo/adapter")
    runner = TableRunner()
    answering = Worker("interactive", runner=runner)
    job = job_of(Run.objects.get().current)
    with pytest.raises(EngineMisconfigured, match=f"does not hold the base model {MODEL}"):
        answering._prepare(job, local_model(job, answering.elsewhere), lambda: False)
    assert runner.items == []
