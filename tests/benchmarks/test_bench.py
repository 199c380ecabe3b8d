"""`make bench`: the standard shapes beside the fastest peer, within its time, into the file of this kind of machine."""

import pytest

from benchmarks import __main__ as bench
from benchmarks import inference, lora, options, profile
from benchmarks.figures import machines, record
from benchmarks.work import shapes
from tests.benchmarks.test_headline import profile as profiled
from tests.benchmarks.test_measurement import row


@pytest.fixture
def called(tmp_path, monkeypatch):
    """What each part was asked to do; nothing is computed."""
    asked = {}

    def answers(given):
        asked["answers"] = [str(shape) for shape in given.shapes if isinstance(shape, shapes.Shape)]
        yield row("llama-cpp", 1.3)
        given.record.begin("label 2000/60/40/5 in bfloat16 beside llama-cpp")

    def training(given):
        asked["training"] = given.speed_only, given.losses_only
        yield row("trl-tuned", 2.6, output="lora", shape="300/60/3", dtype="bfloat16")

    def profiles(given):
        asked["profiles"] = [str(shape) for shape in given.shapes]
        yield profiled("float32", 1.9)

    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(options, "install", lambda peers: asked.update(peers=[peer.name for peer in peers]))
    monkeypatch.setattr(inference, "run", answers)
    monkeypatch.setattr(lora, "run", training)
    monkeypatch.setattr(profile, "run", profiles)
    return asked


def test_everything_is_kept_in_the_file_of_this_kind_of_machine(called, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machines, "cpu_name", lambda: "AMD EPYC (family 25, model 17)")
    bench.main([])
    assert called == {
        "peers": ["llama-cpp", "trl-tuned"],
        "answers": shapes.STANDARD.split(",")[:7],
        "training": (True, False),
        "profiles": ["1000/60/200/5"],
    }
    kept = record.read(tmp_path / "amd-family-25-model-17.json")
    assert kept.machine == "AMD EPYC (family 25, model 17)"
    assert [one.peer for one in kept.rows] == ["llama-cpp", "trl-tuned"]
    assert [one.times for one in kept.profiles] == [1.9]
    said = capsys.readouterr().out
    assert "| lora | 300/60/3 | bfloat16 | 2 | trl-tuned 1.0 | 10.00 | 26.00 | **2.60** |" in said
    assert "worst ratio 1.30" in said
    assert "1.90 times in float32 (goal 2, reached)" in said
    assert "Not reached" not in said


def test_there_are_thirty_minutes_unless_told_and_what_was_not_reached_is_listed(called, tmp_path, capsys):
    assert bench.arguments([]).minutes == 30
    bench.main(["--minutes", "0", "--json", str(tmp_path / "mine.json")])
    assert "Not reached:\n- label 2000/60/40/5 in bfloat16 beside llama-cpp" in capsys.readouterr().out
    assert len(record.read(tmp_path / "mine.json").rows) == 2
