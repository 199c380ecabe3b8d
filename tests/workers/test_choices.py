"""Choices of the engine in the database, what a worker does with them, and the command that shows them."""

import json
import threading
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from gradus.submissions.models import EngineChoice
from tests import factories
from tests.workers.test_work import TableRunner
from workers import status, work
from workers.choices import DatabaseChoices
from workers.engine.choice import DEFAULT, PLAIN, Place
from workers.management.commands import engine_choices
from workers.sandbox.supervisor import RunnerFailed, Stopped
from workers.work import Worker

PLACE = Place("d" * 64, "a CPU (family 6, model 207)", 2, "cpu", "torch 2, transformers 4, rules 1")
FOUND = replace(DEFAULT, attention="products", call_tokens=2048, timings={"products": 0.5, "flash": 0.7})
OTHER = replace(DEFAULT, call_tokens=512)
OLD = {"attention": "flash", "speed": 3}


@pytest.fixture(autouse=True)
def measured(monkeypatch):
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


def at_once(*tasks):
    """Runs the functions in threads that begin together, each with a connection of its own; returns their results."""
    together, results = threading.Barrier(len(tasks)), []

    def one(task):
        try:
            together.wait(30)
            results.append(task())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


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


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_wins_and_all_compute_by_it():
    given = [replace(DEFAULT, call_tokens=256 * number) for number in range(1, 7)]
    found = at_once(*[lambda choice=choice: DatabaseChoices().keep(PLACE, choice) for choice in given])
    assert len(found) == 6 and set(map(str, found)) == {str(DatabaseChoices().find(PLACE))}
    assert EngineChoice.objects.count() == 1


def old():
    return EngineChoice.objects.create(
        key=PLACE.key, model="m", cpu="c", threads=2, device="cpu", versions="v", digest="0" * 12, choice=OLD
    )


def test_a_choice_of_another_version_counts_as_not_kept_and_is_replaced(db):
    old()
    choices = DatabaseChoices()
    assert choices.find(PLACE) is None
    assert choices.keep(PLACE, FOUND) == choices.keep(PLACE, OTHER) == choices.find(PLACE) == FOUND
    assert EngineChoice.objects.get().digest == FOUND.digest


@pytest.mark.django_db(transaction=True)
def test_of_several_that_replace_an_old_choice_at_once_one_wins():
    old()
    given = [replace(DEFAULT, call_tokens=256 * number) for number in range(1, 7)]
    found = at_once(*[lambda choice=choice: DatabaseChoices().keep(PLACE, choice) for choice in given])
    assert len(found) == 6 and set(map(str, found)) == {str(DatabaseChoices().find(PLACE))}
    assert EngineChoice.objects.count() == 1


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


def test_what_a_remote_engine_computes_has_no_choice_of_ours(ada, course):
    submission, worker = factories.submit(ada), Worker("grade", runner=Choosing())
    worker.remotes = {"smollm2-135m-instruct": Far()}
    assert worker.step()
    assert (submission.current.state, submission.current.engine_choice) == ("scored", "")
    assert worker.runner.before == 0


def test_a_grade_without_a_base_model_has_no_choice(ada, explain):
    submission = factories.submit(
        ada, "explain", {"kind": "free_text", "answer": "Weights keep old facts, and a look-up reads new ones."}
    )
    assert Worker("judge", runner=Choosing()).step()
    assert (submission.current.state, submission.current.engine_choice) == ("review", "")


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
    return work.runner_of("interactive").place("smollm2-135m-instruct")


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


def test_measuring_that_fails_is_told_and_leaves_it_to_the_next_runner(here, monkeypatch):
    def fails(*_):
        raise RunnerFailed("FileNotFoundError")

    monkeypatch.setattr("workers.sandbox.supervisor.Runner._measure", fails)
    DatabaseChoices().keep(here, FOUND)
    with pytest.raises(CommandError, match="could not be measured: FileNotFoundError"):
        call_command("engine_choices", "--measure")
    assert DatabaseChoices().find(here) is None


def test_plain_cannot_be_measured(here, monkeypatch):
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    DatabaseChoices().keep(here, FOUND)
    with pytest.raises(CommandError, match="GRADUS_ENGINE is plain"):
        call_command("engine_choices", "--measure")
    assert DatabaseChoices().find(here) == FOUND
    assert engine_choices.PLAIN and PLAIN.attention == "products"
