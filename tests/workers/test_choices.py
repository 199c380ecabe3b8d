"""Choices of the engine in the database, what a worker does with them, and the command that shows them."""

import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from gradus.submissions.models import EngineChoice
from tests import factories
from tests.threads import at_once
from tests.workers.test_work import TableRunner
from workers import status
from workers.engine.choice import DEFAULT, Place
from workers.sandbox.supervisor import RunnerFailed, Stopped
from workers.transport.choices import DatabaseChoices
from workers.work import Worker
from workers.worker import runner_of

PLACE = Place("d" * 64, "a CPU (family 6, model 207)", 2, "cpu", "torch 2, transformers 4, rules 1")
FOUND = replace(DEFAULT, attention="products", call_tokens=2048, timings={"products": 0.5, "flash": 0.7})
OTHER = replace(DEFAULT, call_tokens=512)


@pytest.fixture(autouse=True)
def measured(model_is_here, monkeypatch):
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)


def test_the_first_choice_of_a_place_wins(db):
    choices = DatabaseChoices()
    assert choices.find(PLACE) is None
    assert choices.keep(PLACE, FOUND) == FOUND
    assert choices.keep(PLACE, OTHER) == choices.find(PLACE) == FOUND
    assert choices.find(PLACE).timings == FOUND.timings
    assert choices.find(replace(PLACE, threads=4)) is None
    row = EngineChoice.objects.get()
    assert (row.key, row.digest, row.choice) == (PLACE.key, FOUND.digest, FOUND.as_json())
    assert Place(row.model, row.cpu, row.threads, row.device, row.versions) == PLACE


@pytest.fixture
def old(db):
    """A choice of another version of the engine."""
    content = {"attention": "flash", "speed": 3}
    EngineChoice.objects.create(
        key=PLACE.key, model="m", cpu="c", threads=2, device="cpu", versions="v", digest="0" * 12, choice=content
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("replaces", [False, True])
def test_of_several_at_once_one_wins_and_all_compute_by_it(request, replaces):
    if replaces:
        request.getfixturevalue("old")
    given = [replace(DEFAULT, call_tokens=256 * number) for number in range(1, 7)]
    kept = at_once(lambda number: DatabaseChoices().keep(PLACE, given[number]), len(given))
    assert len(kept) == 6 and set(map(str, kept)) == {str(DatabaseChoices().find(PLACE))}
    assert EngineChoice.objects.count() == 1


def test_a_choice_of_another_version_counts_as_not_kept_and_is_replaced(old):
    choices = DatabaseChoices()
    assert choices.find(PLACE) is None
    assert choices.keep(PLACE, FOUND) == choices.keep(PLACE, OTHER) == choices.find(PLACE) == FOUND
    assert EngineChoice.objects.get().digest == FOUND.digest


class Choosing(TableRunner):
    """Computes by `FOUND`, and counts how often that had to be looked up before the first item."""

    def __init__(self, fails=None):
        super().__init__(fails)
        self.before = 0

    def choose(self, model, *, should_stop):
        assert model == "smollm2-135m-instruct" and not should_stop()
        self.before += not self.items
        return FOUND


def test_an_evaluation_stores_the_choice_by_which_it_was_computed(ada, course):
    submission, runner = factories.submit(ada), Choosing()
    assert Worker("grade", runner=runner).step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.engine_choice) == ("scored", FOUND.digest)
    assert evaluation.engine_profile == "cpu/float32/1"
    assert runner.before == 1


class Far:
    """A remote engine without a folder for adapters."""

    folder, waited = None, 0.0

    def run(self, item, *, on_event, should_stop, seconds):
        return TableRunner().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)


def test_what_a_remote_engine_or_no_base_model_computes_has_no_choice_of_ours(ada, course, explain):
    submission, worker = factories.submit(ada), Worker("grade", runner=Choosing())
    worker.remotes = {"smollm2-135m-instruct": Far()}
    assert worker.step()
    assert (submission.current.state, submission.current.engine_choice) == ("scored", "")
    assert worker.runner.before == 0
    written = factories.submit(ada, "explain", factories.FREE_TEXT)
    assert Worker("judge", runner=Choosing()).step()
    assert (written.current.state, written.current.engine_choice) == ("review", "")


class Unable(TableRunner):
    def choose(self, model, *, should_stop):
        raise self.fails


@pytest.mark.parametrize(
    ("error", "state", "left"), [(Stopped(), "running", True), (RunnerFailed("FileNotFoundError"), "failed", False)]
)
def test_a_measurement_that_fails_ends_the_job_as_any_fault_of_the_runner(ada, course, error, state, left):
    submission = factories.submit(ada)
    Worker("grade", runner=Unable(error)).step()
    assert submission.current.state == state
    assert submission.current.engine_choice == ""
    assert submission.current.is_open is left


def test_the_profile_says_plain(monkeypatch):
    assert status.profile(TableRunner()) == "cpu/float32/1"
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    assert status.profile(TableRunner(), {"far": False}) == "cpu/float32/1/plain/remote:far"


def test_a_workers_runner_keeps_its_choices_in_the_database(db):
    runner = Worker("grade").runner
    DatabaseChoices().keep(runner.place("smollm2-135m-instruct"), FOUND)
    assert runner.choose("smollm2-135m-instruct", should_stop=lambda: False) == FOUND
    assert runner._process is None


@pytest.fixture
def here(db):
    return runner_of("interactive", DatabaseChoices()).place("smollm2-135m-instruct")


def told(capsys, *options):
    call_command("engine_choices", *options)
    return capsys.readouterr().out


def test_the_command_says_what_is_kept_and_why(here, capsys, monkeypatch):
    assert "smollm2-135m-instruct: not measured yet" in told(capsys)
    DatabaseChoices().keep(here, FOUND)
    assert FOUND.reason in told(capsys)
    assert json.loads(told(capsys, "--json")) == {"smollm2-135m-instruct": FOUND.reason}
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    assert "GRADUS_ENGINE is plain" in told(capsys)
    monkeypatch.setattr(status, "digests", dict)
    assert "make models" in told(capsys)


def test_measuring_again_replaces_what_is_kept(here, capsys, monkeypatch):
    monkeypatch.setattr("workers.sandbox.supervisor.Runner._measure", lambda *_: OTHER)
    DatabaseChoices().keep(here, FOUND)
    said = told(capsys, "--measure")
    assert OTHER.reason in said and "restart" in said
    assert DatabaseChoices().find(here) == OTHER and EngineChoice.objects.count() == 1


def test_measuring_that_fails_is_told_and_leaves_it_to_the_next_runner_and_plain_is_not_measured(here, monkeypatch):
    def fails(*_):
        raise RunnerFailed("FileNotFoundError")

    monkeypatch.setattr("workers.sandbox.supervisor.Runner._measure", fails)
    DatabaseChoices().keep(here, FOUND)
    with monkeypatch.context() as plainly:
        plainly.setenv("GRADUS_ENGINE", "plain")
        with pytest.raises(CommandError, match="GRADUS_ENGINE is plain"):
            call_command("engine_choices", "--measure")
    assert DatabaseChoices().find(here) == FOUND
    with pytest.raises(CommandError, match="could not be measured: FileNotFoundError"):
        call_command("engine_choices", "--measure")
    assert DatabaseChoices().find(here) is None
