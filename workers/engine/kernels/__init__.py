"""Operations of which there is more than one way: a plain one, and those that must be faster for a whole job.

`Kernels.of` gives the ways that a `Choice` names; the plain way takes the place of one that this machine does not
have. `../README.md` says what each way needs and gains, and how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workers.engine.choice import PLAIN, Choice, only_plain
from workers.engine.kernels import attention, products
from workers.engine.kernels.attention import Attend

__all__ = ["Attend", "Kernels"]


@dataclass(frozen=True)
class Kernels:
    """The ways that are taken: `attend` of `attention.py`, whether linear layers in fp32 compute by `onednn`, and how
    many tokens there are in a call."""

    attend: Attend
    onednn: bool
    call_tokens: int

    @classmethod
    def of(cls, choice: Choice, device: str) -> Kernels:
        """Those of `choice` on `cpu` or `cuda`, for which there are none but the plain ways."""
        wanted = PLAIN if only_plain() or device != "cpu" else choice
        flash = wanted.attention == "flash" and attention.has_flash()
        onednn = wanted.product == "onednn" and products.has_onednn()
        return cls(attention.by_flash if flash else attention.by_products, onednn, choice.call_tokens)

    def for_screening(self) -> Kernels:
        """These ways with attention in bf16, for the screening pass over labels."""
        return replace(self, attend=attention.in_bf16(self.attend))
