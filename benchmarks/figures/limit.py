"""Where our time goes on one shape, and how far that is from the machine's limit: what `benchmarks.profile` finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures.counting import KINDS

Key = tuple[str, str, str, int, str]
HEADER = (
    "| work | shape | dtype | seconds | products | attention | head | everything else | least TFLOP | "
    "large product, GFLOP/s | times the limit |"
)


@dataclass(frozen=True)
class Part:
    """Seconds of one kind of operator and its speed; `gflops` is 0 where operations are not counted."""

    seconds: float
    gflops: float


@dataclass(frozen=True)
class Profile:
    """`seconds` are without profiling, `least` is in operations, and `attainable` is in GFLOP/s.

    `times` is `seconds` over the time that the least number of operations takes at the attainable speed. `engine` is
    the digest of our engine's code, `choice` that of the engine's choice.
    """

    work: str
    shape: str
    dtype: str
    threads: int
    seconds: float
    parts: dict[str, Part]
    least: float
    attainable: float
    times: float
    operators: list[tuple[str, str, int, float]]
    engine: str
    device: str = "cpu"
    choice: str = ""

    @property
    def key(self) -> Key:
        """Identifies a profile: a newer profile with the same key replaces an older one."""
        return self.work, self.shape, self.dtype, self.threads, self.device

    def line(self) -> str:
        cells = [self.work, self.shape, self.dtype, f"{self.seconds:.2f}", *(self._part(kind) for kind in KINDS)]
        cells += [f"{self.least / 1e12:.2f}", f"{self.attainable:.0f}", f"**{self.times:.2f}**"]
        return f"| {' | '.join(cells)} |"

    def _part(self, kind: str) -> str:
        part = self.parts[kind]
        speed = f" ({part.gflops:.0f} GFLOP/s)" if part.gflops else ""
        return f"{part.seconds:.2f} s, {part.seconds / self.seconds:.0%}{speed}"


def read(data: dict[str, Any]) -> Profile:
    """A profile from its JSON object."""
    kinds = {kind: Part(**part) for kind, part in data["parts"].items()}
    return Profile(**data | {"parts": kinds, "operators": [tuple(operator) for operator in data["operators"]]})


def table(found: Sequence[Profile]) -> str:
    return "\n".join([HEADER, "|" + " --- |" * 11, *(one.line() for one in found)])
