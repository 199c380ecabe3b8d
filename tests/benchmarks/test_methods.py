"""What the comparison of training methods says of two courses of losses."""

from argparse import Namespace

import pytest

from benchmarks import methods
from benchmarks.methods import Side
from graders.base import Train

ITEM = Train("m", (), (), 4, 8, 1e-3, 2, 8, seed=3, method="dpo")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Side([2.0, 1.01], [0.1, 0.2]), "agrees"),
        (Side([2.0, 1.1], [0.1, 0.2]), "DIFFERS"),
        (Side([2.0, 1.0], [0.1, 0.3]), "DIFFERS"),
        (Side([2.0], [0.1]), "DIFFERS"),
    ],
)
def test_losses_and_margins_agree_within_a_hundredth(other, said):
    line = methods.line(ITEM, Side([2.0, 1.0], [0.1, 0.2]), other)
    assert line.startswith(f"dpo, seed 3, 2 steps: {said}; losses ours 1.50000, TRL's")


def test_an_unknown_method_is_refused():
    assert methods.read(Namespace(methods="lora, dpo")) == ["lora", "dpo"]
    with pytest.raises(ValueError, match="lora, qlora, full, dpo"):
        methods.read(Namespace(methods="ppo"))
