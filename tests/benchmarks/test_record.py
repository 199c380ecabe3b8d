"""Many calls fill one file: what is merged, what is left out, when a call stops."""

import argparse

import pytest

from benchmarks import catalogue, inference, options
from benchmarks.figures import record
from benchmarks.figures.record import OtherMachine, Record, Results
from benchmarks.peers.job import Row
from tests.benchmarks.test_headline import profile
from tests.benchmarks.test_measurement import row


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a-cpu.json"


def test_a_newer_row_takes_the_place_of_the_older_one_and_others_stay(file):
    old = [row("vllm-cpu", 2.0, engine="old"), row("llama-cpp", 1.5), row("vllm-cpu", 3.0, dtype="bfloat16")]
    record.save(file, Results("a CPU", old))
    Record("a CPU", file).add(row("vllm-cpu", 1.1, engine="new"))
    Record("a CPU", file).add(row("lm-eval", 9.0))
    Record("a CPU", file).add_profile(profile("float32", 2.5))
    Record("a CPU", file).add_profile(profile("float32", 1.5))
    rows = [row("vllm-cpu", 1.1, engine="new"), *old[1:], row("lm-eval", 9.0)]
    assert record.read(file) == Results("a CPU", rows, [profile("float32", 1.5)])
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_a_file_of_another_kind_of_machine_is_refused_and_stays_as_it_is(file, capsys):
    record.save(file, Results("another CPU", [row()]))
    with pytest.raises(OtherMachine, match="holds figures of another CPU; this is a CPU"):
        Record("a CPU", file)
    with pytest.raises(SystemExit):
        inference.arguments(["--json", str(file)])
    assert "holds figures of another CPU" in capsys.readouterr().err
    assert record.read(file) == Results("another CPU", [row()])


@pytest.mark.parametrize(
    ("resume", "checkpoint", "engine", "has"),
    [(True, "w", "e", True), (False, "w", "e", False), (True, "v", "e", False), (True, "w", "f", False)],
)
def test_what_was_measured_on_this_very_engine_and_checkpoint_is_left_out(file, resume, checkpoint, engine, has):
    record.save(file, Results("a CPU", [row(checkpoint="w", engine="e")]))
    assert Record("a CPU", file, resume).has(row().key, checkpoint, engine) is has
    assert not Record("a CPU", file, resume).has(row("lm-eval").key, "w", "e")


@pytest.fixture
def given(file, monkeypatch):
    """A command's arguments; nothing is computed: every peer takes what `measure` makes up."""
    argv = ["--shapes", "300/20/8/5,300/20/8/6x2", "--dtype", "float32", "--peers", "vllm-cpu,llama-cpp"]
    asked = []

    class Base:
        digest = "weights"

    class Session:
        def base(self, name):
            return Base

    monkeypatch.setattr(inference.Setup, "session", lambda self: Session())
    monkeypatch.setattr(inference, "prepare", lambda base, truth, shape: argparse.Namespace(shape=shape))
    monkeypatch.setattr(inference, "our_figure", lambda base, work, *_: asked.append(str(work.shape)) or "figure")
    monkeypatch.setattr(options, "install", lambda peers: None)

    def measure(peer, work, base, first, again, ours, given):
        facts = {"threads": given.threads, "checkpoint": "weights", "engine": record.engine_digest()}
        return row(peer.name, 2.0, shape=str(work.shape), dtype=ours.dtype, **facts)

    monkeypatch.setattr(inference, "measure", measure)
    return lambda *more: (asked, inference.arguments([*argv, "--json", str(file), *more]))


def call(given):
    options.carry_out(given, inference.run)
    options.finish(given.record)
    return [(made.peer, made.shape) for made in given.record.new]


def test_a_call_goes_on_where_the_last_one_was_left(given):
    asked, first = given("--resume", "--shapes", "300/20/8/5", "--peers", "vllm-cpu")
    assert call(first) == [("vllm-cpu", "300/20/8/5")]
    _, second = given("--resume")
    assert call(second) == [("llama-cpp", "300/20/8/5"), ("vllm-cpu", "300/20/8/6x2"), ("llama-cpp", "300/20/8/6x2")]
    assert asked == ["300/20/8/5", "300/20/8/5", "300/20/8/6x2"], "ours stands beside the peers of every call"
    _, third = given("--resume")
    assert call(third) == []
    assert len(asked) == 3, "nothing is left to do, so ours is not measured either"
    _, again = given()
    assert len(call(again)) == 4
    assert len(again.record.rows) == 4


def test_long_rows_of_a_peer_that_shares_no_prompt_are_timed_on_fewer():
    given = inference.arguments([])
    peers = catalogue.INFERENCE

    def timed(name, tokens, labels):
        made = Row([1] * tokens, labels)
        return inference.timed_rows(peers[name], argparse.Namespace(rows=[made] * 200), given)

    one, two = [[1], [2]], [[n, 1] for n in range(6)]
    assert timed("vllm-cpu", 2200, two) == 200
    assert timed("transformers", 1060, one) == 20
    assert timed("transformers", 2200, two) == 80_000 // (2200 * 6) == 6
    assert timed("transformers-batched", 1060, one) == 64
    assert timed("lm-eval", 2200, two) == 8
