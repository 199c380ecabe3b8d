"""Tuned grading and chats whose answers a remote engine computes are those of the runner."""

import pytest

from graders.base import Generate, Score
from tests.workers.grading import test_chats
from tests.workers.grading.test_chats import MODEL, SKY, TICKET, answers, graded, rows_of
from tests.workers.remote.vllm import Vllm
from workers.engine import models
from workers.work import Worker

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
]
folder, runner, roomy, model_is_here = (
    test_chats.folder,
    test_chats.runner,
    test_chats.roomy,
    test_chats.model_is_here,
)


@pytest.fixture
def serve(httpserver, folder, tmp_path, monkeypatch):
    """Has workers that start from now on ask a server for the model."""

    def start(**environment):
        monkeypatch.setenv("GRADUS_REMOTE_ENGINES", f"{MODEL}={httpserver.url_for('/v1')}#served-name")
        monkeypatch.setenv("GRADUS_REMOTE_ADAPTERS", environment.get("adapters", str(tmp_path)))
        return Vllm(httpserver, models.load(folder / "models" / MODEL))

    return start


class Trains:
    """A runner that trains, and answers nothing."""

    def __init__(self, runner):
        self._runner = runner

    def __getattr__(self, name):
        return getattr(self._runner, name)

    def run(self, item, **more):
        assert not isinstance(item, Score | Generate), "the remote engine answers"
        return self._runner.run(item, **more)


def shares(found):
    return [(text, pytest.approx(share, abs=0.01)) for text, share, _ in found["tokens"]]


def test_answers_of_a_tuned_model_are_those_of_the_runner(ada, bob, roomy, runner, serve):
    here = graded(runner, ada, "sea-or-sky", SKY)
    text = rows_of(here)[0][0]
    wanted = answers(runner, here, text)
    vllm = serve()
    there = graded(Trains(runner), bob, "sea-or-sky", SKY)
    for (_, row), (_, expected) in zip(rows_of(there), rows_of(here), strict=True):
        assert row["output"] == expected["output"]
        assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=0.01)
    assert len(vllm.loaded) >= 2 and vllm.loaded == vllm.unloaded
    assert there.current.engine_profile.endswith(f"remote+lora:{MODEL}")
    found = answers(Trains(runner), here, text)
    for stage in ("base", "trained"):
        assert found[stage]["text"] == wanted[stage]["text"]
        assert found[stage]["probabilities"] == pytest.approx(wanted[stage]["probabilities"], abs=0.01)


def test_a_chat_shows_the_tokens_of_the_remote_engine(ada, roomy, runner, serve):
    submission = graded(runner, ada, "ticket", TICKET)
    wanted = answers(runner, submission, "My anchor is lost", "plain")
    serve()
    found = answers(Trains(runner), submission, "My anchor is lost", "plain")
    for stage in ("base", "trained"):
        assert found[stage]["text"] == wanted[stage]["text"]
        assert [(text, share) for text, share, _ in found[stage]["tokens"]] == shares(wanted[stage])


def test_a_folder_that_is_not_shared_costs_no_attempt(ada, roomy, runner, serve, tmp_path):
    submission = graded(runner, ada, "ticket", TICKET)
    serve(adapters=f"{tmp_path}#/srv/elsewhere")
    message = test_chats.chats.send(submission, "Hello", "plain")
    worker = Worker("interactive", runner=Trains(runner))
    assert worker.step()
    assert (message.run.current.state, message.run.current.attempt) == ("queued", 0)
    assert "does not find an adapter in /srv/elsewhere" in worker.fault
