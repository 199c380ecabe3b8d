"""Where a number stands on a line of SVG: as a share of its width, so that the figure fits any screen unscaled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Marks that are closer than this share of the axis would hide each other, and get lanes of their own.
APART = 0.025
LANES = (0, -1, 1, -2, 2)
LANE_PX = 5
MINUS = "\u2212"


@dataclass(frozen=True)
class Tick:
    x: str
    label: str
    is_zero: bool


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high`; what lies outside is drawn at its end."""

    low: float
    high: float
    is_signed: bool = False

    def share(self, value: float) -> float:
        """In [0, 1], from left to right."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def at(self, value: float) -> str:
        """The place of `value` as SVG takes it, such as `53.2%`."""
        return f"{100 * self.share(value):.2f}%"

    @property
    def ticks(self) -> list[Tick]:
        """Five, at equal distances."""
        values = [self.low + n * (self.high - self.low) / 4 for n in range(5)]
        write = signed if self.is_signed else plain
        return [Tick(self.at(value), write(value), self.is_signed and value == 0) for value in values]


SCORES = Scale(0, 1)


def differences(values: Iterable[float]) -> Scale:
    """The axis of differences: half a unit to either side, or a whole one where `values` need that.

    Half a unit has the length that it has on the axis of scores.
    """
    end = 0.5 if all(abs(value) <= 0.5 for value in values) else 1.0
    return Scale(-end, end, is_signed=True)


def lanes(shares: Sequence[float]) -> list[int]:
    """For marks at these places, how many pixels each goes up or down so that those at one place are told apart."""
    found = [0] * len(shares)
    last: dict[int, float] = {}
    for place in sorted(range(len(shares)), key=lambda n: shares[n]):
        free = [lane for lane in LANES if shares[place] - last.get(lane, -1.0) >= APART]
        lane = free[0] if free else min(LANES, key=lambda one: last[one])
        last[lane] = shares[place]
        found[place] = lane * LANE_PX
    return found


def plain(value: float) -> str:
    """Two decimals, and never a minus zero."""
    text = f"{abs(value):.2f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def signed(value: float) -> str:
    """Two decimals with their sign; zero has none."""
    text = f"{abs(value):.2f}"
    return text if not float(text) else f"+{text}" if value > 0 else f"{MINUS}{text}"
