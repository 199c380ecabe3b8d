"""A runner measures how a base model computes: once, alone on the machine, and never at the cost of a job."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from graders.base import Embed, Score
from tests.workers.sandbox.measuring_runner import LONG_SECONDS, MEASURED
from workers.engine.choice import DEFAULT, PLAIN
from workers.sandbox import choosing, frames, launch, supervisor
from workers.sandbox.choosing import FileChoices
from workers.sandbox.supervisor import Runner, RunnerDied, RunnerFailed, Stopped

SCORE = Score("model", "Sort.\n\n", ("rash",), (" skin", " heart"))


def never():
    return False


def forbidden():
    raise AssertionError("measured again")


class Kept(dict):
    """`Choices` in memory that several runners share."""

    def find(self, place):
        return self.get(place)

    def keep(self, place, choice):
        return self.setdefault(place, choice)


@pytest.fixture(autouse=True)
def engine(monkeypatch, tmp_path):
    """The stub engine, and a data folder for the lock."""
    monkeypatch.setattr(launch, "MODULE", "tests.workers.sandbox.measuring_runner")
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)


@pytest.fixture
def made(tmp_path):
    """Makes runners and ends them."""
    runners = []

    def make(**options):
        runners.append(Runner(threads=1, models_dir=tmp_path, device="cpu", **options))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()


def tokens(runner, model="model", *, seconds=60.0, should_stop=never):
    """How many tokens the choice had by which the runner computed an item."""
    item = replace(SCORE, model=model)
    scored = runner.run(item, on_event=lambda _: None, should_stop=should_stop, seconds=seconds)
    return -scored.logprobs[0][0]


def embed(runner):
    return runner.run(Embed(("sea",)), on_event=lambda _: None, should_stop=never, seconds=60).vectors[0][0]


def test_a_choice_is_measured_once_kept_and_sent_with_each_item(made, monkeypatch):
    kept, first = Kept(), made(choices=(shared := Kept()))
    assert tokens(first) == tokens(first) == MEASURED.call_tokens
    assert shared == {first.place("model"): MEASURED} and shared[first.place("model")].timings == MEASURED.timings
    kept[first.place("model")] = replace(MEASURED, call_tokens=4096, attention="products")
    second = made(choices=kept)
    monkeypatch.setattr(second, "_measure", lambda *_: forbidden())
    assert embed(second) == 0.0, "embeddings need no choice"
    assert tokens(second) == 4096
    assert second.choose("model", should_stop=never) == kept[first.place("model")]


def test_plain_measures_nothing_and_reaches_the_runner(made, monkeypatch):
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    runner = made(choices=(kept := Kept()))
    monkeypatch.setattr(runner, "_measure", lambda *_: forbidden())
    scored = runner.run(SCORE, on_event=lambda _: None, should_stop=never, seconds=60)
    assert scored.logprobs == [[-float(PLAIN.call_tokens), 0.0]] and not kept
    assert embed(runner) == 1.0


def test_measuring_does_not_count_against_the_time_of_the_job(made):
    assert tokens(made(), "long", seconds=LONG_SECONDS - 0.5) == MEASURED.call_tokens


def test_a_job_is_cancelled_while_its_model_is_measured(made):
    runner, asked = made(choices=(kept := Kept())), iter(range(100))
    embed(runner)
    before = runner._process.pid
    with pytest.raises(Stopped):
        tokens(runner, "endless", should_stop=lambda: next(asked) > 3)
    assert not kept
    assert tokens(runner) == MEASURED.call_tokens and runner._process.pid == before


def test_a_runner_that_does_not_listen_while_it_measures_is_killed(made, monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.3)
    runner, asked = made(), iter(range(100))
    embed(runner)
    with pytest.raises(Stopped):
        tokens(runner, "deaf", should_stop=lambda: next(asked) > 3)
    assert runner._process is None and tokens(runner) == MEASURED.call_tokens


def test_a_measurement_that_does_not_end_is_a_fault_of_ours(made, monkeypatch):
    monkeypatch.setattr(supervisor, "CHOOSE_SECONDS", 0.3)
    with pytest.raises(RunnerDied, match="too long"):
        tokens(made(), "deaf")


@pytest.mark.parametrize(
    ("model", "error"),
    [("wrong", RunnerDied), ("dies", RunnerDied), ("missing", RunnerFailed), ("large", RunnerFailed)],
)
def test_what_goes_wrong_while_measuring_is_not_kept_and_not_the_learners_fault(made, model, error):
    runner = made(choices=(kept := Kept()))
    with pytest.raises(error):
        tokens(runner, model)
    assert not kept
    assert tokens(runner) == MEASURED.call_tokens


def test_a_runner_without_a_store_keeps_its_own_and_refuses_bf16_where_that_was_left_out(made):
    assert made().choose("bf16", should_stop=never).dtype == "bfloat16"
    runner = made(allow_bf16=False)
    with pytest.raises(RunnerDied):
        runner.choose("bf16", should_stop=never)
    assert tokens(runner) == 512
    runner._measure = lambda *_: forbidden()
    assert tokens(runner) == 512


JSON = MEASURED.as_json()


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], {}, {**JSON, "more": 1}, {**JSON, "attention": "guessed"}, {**JSON, "timings": None}),
        *({**JSON, "call_tokens": tokens} for tokens in (True, 1 << 40)),
        *({**JSON, "timings": {"a": value}} for value in (float("nan"), float("inf"), -1.0, 10**400, True, "1")),
        *({**JSON, "timings": {name: 1.0}} for name in ("a\0b", "\x1b[2J", "a" * 500)),
        {**JSON, "timings": {str(number): 1.0 for number in range(500)}},
    ],
)
def test_a_runner_is_not_believed(data):
    with pytest.raises(ValueError):
        frames.read_choice(data, allow_bf16=True)


def test_a_choice_survives_the_way_to_the_runner_and_back():
    assert frames.read_choice(JSON, allow_bf16=True).as_json() == JSON
    assert frames.item_choice(frames.item_message(1, SCORE, MEASURED)) == MEASURED
    assert frames.item_choice(frames.item_message(1, SCORE)) == DEFAULT


def test_only_one_measures_and_who_waited_finds_the_result(made, tmp_path):
    """Two processes of the machine are two descriptors of the lock's file, as here two objects in two threads."""
    kept, place = FileChoices(tmp_path / "kept.json"), made().place("model")
    inside, waits, go_on = threading.Event(), threading.Event(), threading.Event()

    def measure():
        inside.set()
        assert go_on.wait(30)
        return MEASURED

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(choosing.Chosen(kept).find, place, measure, never)
        assert inside.wait(30)
        second = pool.submit(choosing.Chosen(kept).find, place, forbidden, lambda: waits.set() or False)
        assert waits.wait(30)
        go_on.set()
        assert first.result(30) == second.result(30) == MEASURED


def test_a_job_is_cancelled_while_another_process_measures(tmp_path):
    place = Runner(threads=1, models_dir=tmp_path).place("model")
    with choosing.alone_on_machine(never), pytest.raises(Stopped):
        choosing.Chosen(Kept()).find(place, forbidden, lambda: True)


@pytest.mark.parametrize("place", ["data", "temporary"])
def test_the_lock_lies_in_the_data_folder_or_else_in_the_temporary_folder(monkeypatch, tmp_path, place):
    folders = {name: tmp_path / name for name in ("data", "temporary")}
    folders[place].mkdir()
    monkeypatch.setenv("GRADUS_DATA_DIR", str(folders["data"]))
    monkeypatch.setattr(choosing.tempfile, "gettempdir", lambda: str(folders["temporary"]))
    with choosing.alone_on_machine(never):
        assert [file.name.endswith(choosing.LOCK) for file in folders[place].iterdir()] == [True]
        with pytest.raises(Stopped), choosing.alone_on_machine(lambda: True):
            forbidden()
    with choosing.alone_on_machine(forbidden):
        pass


def test_a_machine_without_a_folder_for_the_lock_measures_all_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(choosing.tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    with choosing.alone_on_machine(never), choosing.alone_on_machine(forbidden):
        pass
