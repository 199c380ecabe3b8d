"""What a choice is and where it is kept; and how it is made."""

from dataclasses import replace

import pytest
import torch

from tests.workers import tiny
from workers.engine import timer
from workers.engine.choice import DEFAULT, PLAIN, Choice, Place, cpu_name
from workers.engine.kernels import attention
from workers.engine.session import Session
from workers.engine.watch import Stopped, Watch
from workers.sandbox.choosing import FileChoices


@pytest.fixture(autouse=True)
def _special_ways(monkeypatch):
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)


CHOICE = Choice("products", "onednn", "bfloat16", 512, {"default": 1.0, "onednn": 0.5})


def test_a_choice_survives_json_and_its_digest_leaves_out_the_timings():
    assert Choice.from_json(CHOICE.as_json()) == CHOICE
    assert CHOICE.as_json()["timings"] == {"default": 1.0, "onednn": 0.5}
    assert replace(CHOICE, timings={}).digest == CHOICE.digest != replace(CHOICE, call_tokens=513).digest
    assert "onednn 0.500 s" in CHOICE.reason and "not measured" in DEFAULT.reason


@pytest.mark.parametrize(
    "change",
    [
        {"attention": "magic"}, {"call_tokens": 0}, {"dtype": "float16"}, {"call_tokens": "512"},
        {"timings": {"a": "b"}}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_choice_is_refused(change):
    with pytest.raises(ValueError, match=r"choice|must be"):
        Choice.from_json(CHOICE.as_json() | change)
    with pytest.raises(ValueError, match="choice"):
        Choice.from_json(None)


def test_a_place_is_told_apart_by_all_that_makes_a_difference(models_dir, tmp_path):
    place = Place.of(models_dir, tiny.NAME, 2, "cpu")
    digest = (models_dir / tiny.NAME / "digest.txt").read_text().strip()
    assert place.model == digest and "torch 2." in place.versions and place.cpu == cpu_name()
    others = [replace(place, **{name: "other"}) for name in ("model", "cpu", "device", "versions")]
    assert len({place.key, replace(place, threads=3).key, *(other.key for other in others)}) == 6


def test_a_cpu_is_named_with_what_matters_for_bf16(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("model name : Some CPU\ncpu family : 6\nmodel : 207\nflags : fpu avx512_bf16 amx_bf16\n\n" * 2)
    assert cpu_name(info) == "Some CPU (family 6, model 207) with avx512_bf16, amx_bf16"
    assert cpu_name(tmp_path / "none") == "unknown CPU"


def test_the_first_choice_that_is_kept_counts(tmp_path, models_dir):
    kept, place = FileChoices(tmp_path / "choices.json"), Place.of(models_dir, tiny.NAME, 2, "cpu")
    assert kept.find(place) is None
    assert kept.keep(place, CHOICE) == CHOICE and kept.keep(place, DEFAULT) == CHOICE
    assert FileChoices(tmp_path / "choices.json").find(place) == CHOICE
    assert kept.find(replace(place, threads=1)) is None


TAKEN = {"default": 1.0, "products": 1.0, "onednn": 1.0, "bfloat16": 1.0, "_512_tokens": 1.0}


def chosen(monkeypatch, base, **taken):
    """Which trials were asked for, and what was chosen, where trials take so long by the name of the candidate."""
    taken = {name.removeprefix("_"): value for name, value in (TAKEN | taken).items()}
    asked = []

    def seconds(self, name, choice, margin):
        asked.append((name, choice))
        self.timings[name] = taken[name.replace(" ", "_")]
        return self.timings[name]

    monkeypatch.setattr(timer.Trial, "seconds", seconds)
    return asked, timer.choose(base, Watch())


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ({}, DEFAULT),
        ({"onednn": 0.97}, DEFAULT),
        ({"onednn": 0.8}, replace(DEFAULT, product="onednn")),
        ({"products": 0.8, "bfloat16": 0.5}, replace(DEFAULT, attention="products", dtype="bfloat16")),
        ({"products": 0.8, "bfloat16": 0.79}, replace(DEFAULT, attention="products")),
        ({"_512_tokens": 0.5}, replace(DEFAULT, call_tokens=512)),
    ],
    ids=str,
)
def test_what_is_clearly_faster_is_chosen(monkeypatch, base, taken, wanted):
    _, found = chosen(monkeypatch, base, **taken)
    assert found == wanted and set(found.timings) == {name.removeprefix("_").replace("_t", " t") for name in TAKEN}


def test_each_decision_builds_on_those_before(monkeypatch, base):
    asked, _ = chosen(monkeypatch, base, products=0.8)
    assert [choice.attention for _, choice in asked] == ["flash", "flash", *["products"] * 4]


def test_a_slow_machine_gets_less_work_and_tries_all_ways(monkeypatch, base):
    sizes, score = [], timer.scoring.score
    monkeypatch.setattr(
        timer.scoring, "score", lambda *given, **more: sizes.append(len(given[2].suffixes)) or score(*given, **more)
    )
    clock = iter(range(0, 10**6, 3))
    monkeypatch.setattr(timer.time, "perf_counter", lambda: next(clock))
    found = timer.choose(base, Watch())
    assert set(sizes) == {timer.FEWEST} and len(found.timings) == len(timer.CANDIDATES) + 1
    monkeypatch.undo()
    assert timer.Trial(base, Watch())._work.suffixes == timer.work(base).suffixes, "a quick one gets all of it"


def test_a_way_with_other_answers_does_not_count(monkeypatch, base):
    trial = timer.Trial(base, Watch())
    assert trial.seconds("default", DEFAULT, timer.EXACT_MARGIN) < 100
    monkeypatch.setattr(attention, "by_products", lambda q, k, v, *_: (torch.zeros_like(q), k.new_zeros(q.shape[:3])))
    assert trial.seconds("products", PLAIN, timer.EXACT_MARGIN) == float("inf")


def test_a_real_choice_is_made_on_this_machine_unless_special_ways_are_off_and_a_stop_is_heard(
    models_dir, tmp_path, monkeypatch
):
    session = Session(models_dir, tmp_path)
    found = session.choose(tiny.NAME, Watch(), allow_bf16=False)
    assert found.dtype == "float32" and found.timings["default"] > 0
    with pytest.raises(Stopped):
        session.choose(tiny.NAME, Watch(should_stop=lambda: True))
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    assert session.choose(tiny.NAME, Watch()) == PLAIN
