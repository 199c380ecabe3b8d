"""Many short calls fill one file: what is merged, what is left out, when a call stops."""

import argparse
import time
from dataclasses import replace

import pytest

from benchmarks import catalogue, headline, inference, measurement, options, record, shapes
from benchmarks.peers.job import Row
from benchmarks.record import Record
from benchmarks.shapes import Shape
from tests.benchmarks.test_measurement import row

HERE = measurement.machine()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "label.json"


def test_a_newer_row_takes_the_place_of_the_older_one_and_others_stay(file):
    old = [row("vllm-cpu", 2.0), row("llama-cpp", 1.5), row("vllm-cpu", 3.0, dtype="bfloat16")]
    record.save(file, old)
    Record(file).add(row("vllm-cpu", 1.1))
    Record(file).add(row("lm-eval", 9.0))
    assert record.read(file) == [row("vllm-cpu", 1.1), *old[1:], row("lm-eval", 9.0)]
    assert [found.name for found in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("field", ["shape", "dtype", "output", "threads", "machine"])
def test_rows_of_other_work_or_another_machine_stand_beside_each_other(field):
    other = replace(row(), **{field: 7 if field == "threads" else "another"})
    assert record.merged([row()], other) == [row(), other]


@pytest.mark.parametrize(
    ("resume", "checkpoint", "engine", "has"),
    [(True, "w", "e", True), (False, "w", "e", False), (True, "v", "e", False), (True, "w", "f", False)],
)
def test_what_was_measured_on_this_very_engine_and_checkpoint_is_left_out(file, resume, checkpoint, engine, has):
    record.save(file, [row(checkpoint="w", engine="e")])
    assert Record(file, resume).has(row().key, checkpoint, engine) is has
    assert not Record(file, resume).has(row("lm-eval").key, "w", "e")


def test_the_engine_s_digest_changes_with_its_code(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    first = record.engine_digest(tmp_path)
    assert record.engine_digest(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2\n")
    assert record.engine_digest(tmp_path) != first
    assert record.engine_digest() == record.engine_digest(record.ENGINE) != first


@pytest.fixture
def given(file, monkeypatch):
    """A command's arguments; nobody computes: every peer takes what `measure` makes up."""
    argv = ["--shapes", "300/20/8/5,300/20/8/6x2", "--dtype", "float32", "--peers", "vllm-cpu,llama-cpp"]
    asked = []

    class Base:
        digest = "weights"

    class Session:
        def base(self, name):
            return Base

    monkeypatch.setattr(inference.ours, "session", lambda *_: Session())
    monkeypatch.setattr(inference, "prepare", lambda base, truth, shape, output: argparse.Namespace(shape=shape))
    monkeypatch.setattr(inference, "our_figure", lambda base, work, *_: asked.append(str(work.shape)))
    monkeypatch.setattr(argparse.Namespace, "output", "label", raising=False)

    def measure(peer, work, base, first, again, dtype, note, given):
        facts = {"machine": HERE, "threads": given.threads, "checkpoint": "weights", "engine": record.engine_digest()}
        return row(peer.name, 2.0, shape=str(work.shape), dtype=dtype, **facts)

    monkeypatch.setattr(inference, "measure", measure)
    return lambda *more: (asked, inference.arguments([*argv, "--json", str(file), *more]))


def call(given):
    options.report(inference.run(given), given.record)
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


def test_a_call_stops_between_two_peers_when_its_time_is_up(given, monkeypatch, capsys):
    _, limited = given("--minutes", "5")
    limited.record.end = 300.0
    # Each look at the clock: before the shape, then before each of its peers.
    now = iter([0.0, 10.0, 200.0, 310.0, 310.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    assert call(limited) == [("vllm-cpu", "300/20/8/5"), ("llama-cpp", "300/20/8/5")]
    assert "goes on" in capsys.readouterr().out


def test_asked_shapes_are_all_of_them():
    labels = shapes.several("asked", "label")
    assert len(labels) == 4 * 3 * 2
    assert labels[0] == Shape(100, 20, 200, 5)
    assert Shape(2000, 200, 200, 6, 2) in labels
    assert {shape.rows for shape in shapes.several("asked/50", "json")} == {50}
    assert len(shapes.several("asked/50,300/20/8/0", "json")) == 13


@pytest.mark.parametrize(
    ("text", "output", "said"),
    [("asked/x", "label", "asked/50"), ("300/20/8/5", "json", "texts"), ("300/20/8/0", "label", "texts")],
)
def test_what_cannot_be_asked_says_so(text, output, said):
    with pytest.raises(ValueError, match=said):
        shapes.several(text, output)


def test_the_headline_says_how_much_of_what_is_asked_it_covers():
    assert len(headline.asked()) == (24 + 12) * 2 + 2
    assert "It covers 1 of the 74 asked for, 0 of them" in headline.headline([row(), row("lm-eval", 5.0)])
    whole = [row(name, 2.0, rows=50, shape="1000/60/50/6x2") for name in catalogue.INFERENCE if name != "lm-eval"]
    assert "It covers 1 of the 74 asked for, 0 of them" in headline.headline(whole)
    whole.append(row("lm-eval", None, shape="1000/60/200/6x2"))
    assert "It covers 1 of the 74 asked for, 1 of them" in headline.headline(whole)


def test_what_nobody_asked_for_covers_nothing():
    others = [row(shape="128/32/10/5"), row(shape="1000/60/200/3x2"), row(dtype="bfloat16", ratio=None)]
    assert "It covers 0 of the 74" in headline.headline(others)
    trained = row("trl-tuned", 4.0, output="lora", shape="300/60/3", dtype="bfloat16")
    assert "It covers 1 of the 74" in headline.headline([trained])


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
