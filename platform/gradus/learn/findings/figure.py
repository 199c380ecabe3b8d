"""The figure of a finding: forest plots of its arms by challenge and measure, and the effects with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from challenges.findings.spec import Arm, Claim, ClaimRecord, Measure
from gradus.learn.findings import words
from gradus.learn.findings.words import plain, signed

# Marks that are closer than this share of the axis would hide each other, and get lanes of their own.
APART = 0.025
LANES = (0, -1, 1, -2, 2)
LANE_PX = 5


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
    pixels = [0] * len(shares)
    last: dict[int, float] = {}
    for place in sorted(range(len(shares)), key=lambda n: shares[n]):
        free = [lane for lane in LANES if shares[place] - last.get(lane, -1.0) >= APART]
        lane = free[0] if free else min(LANES, key=lambda one: last[one])
        last[lane] = shares[place]
        pixels[place] = lane * LANE_PX
    return pixels


# How many of the learners' dots a line draws at most: the newest.
DRAWN = 40
# How far below the author's marks the learners' dots stand, in pixels, and how far apart their lanes are.
BELOW_PX = 18
SHAPES = ("circle", "square", "diamond", "up", "down", "plus")
COLOURS = 4


@dataclass(frozen=True)
class Mark:
    """One repetition. `y` is in pixels from the middle of its line; `said` is its number, for those who point at it."""

    x: str
    y: int
    said: str


@dataclass(frozen=True)
class Line:
    """An arm. `own` are the learner's repetitions; `mean` is that of the author's; `learners` are everybody's sets."""

    title: str
    shape: str
    colour: int
    marks: tuple[Mark, ...]
    mean: Mark | None
    own: tuple[Mark, ...] = ()
    said: str = ""
    learners: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Arms in one measure, on one axis."""

    title: str
    lines: tuple[Line, ...]
    scale: Scale = SCORES


@dataclass(frozen=True)
class Effect:
    """A claim's difference with its interval. `verdict` says what was found, and `claimed` what had been claimed."""

    title: str
    measure: str
    varies: str
    x: str
    low: str
    high: str
    said: str
    verdict: str
    claimed: str
    holds: bool


@dataclass(frozen=True)
class Shared:
    """A claim's difference in the learners' sets, with its confidence sequence, under the author's."""

    title: str
    measure: str
    author: Effect | None
    author_marks: tuple[Mark, ...]
    learners: tuple[Mark, ...]
    own: tuple[Mark, ...]
    x: str
    low: str
    high: str
    said: str
    found: str


@dataclass(frozen=True)
class Series:
    """One arm's numbers in one measure: the author's in order of repetition, those of learners by its number."""

    title: str
    values: tuple[float, ...]
    mean: float | None
    own: Mapping[int, float]
    learners: Mapping[int, float] = field(default_factory=dict)


def panel(title: str, series: Sequence[Series]) -> Panel:
    """The arms of `series` in their order; each has a shape and a colour of its own, up to twelve."""
    return Panel(title, tuple(_line(place, one) for place, one in enumerate(series)))


def _line(place: int, series: Series) -> Line:
    above = lanes([SCORES.share(value) for value in series.values])
    marks = tuple(_mark(value, up) for value, up in zip(series.values, above, strict=True))
    dots = scattered(series.learners, SCORES)
    # On the lane of the author's repetition, or of the set's dot, so that a ring around a mark says that both agree.
    lane = {**dict(enumerate(above, 1)), **{number: dot.y for number, dot in dots.items()}}
    own = tuple(_mark(value, lane.get(number, BELOW_PX)) for number, value in sorted(series.own.items()))
    return Line(
        title=series.title,
        shape=SHAPES[place % len(SHAPES)],
        colour=place % COLOURS + 1,
        marks=marks,
        mean=_mark(series.mean, 0) if series.mean is not None else None,
        own=own,
        said=words.of_series(series.values, series.mean, tuple(series.own.values()), tuple(series.learners.values())),
        learners=tuple(dots.values()),
    )


def scattered(values: Mapping[int, float], scale: Scale) -> dict[int, Mark]:
    """The newest dots of learners by the number of their set, in lanes below the author's marks."""
    newest = list(values.items())[-DRAWN:]
    above = lanes([scale.share(value) for _, value in newest])
    write = signed if scale.is_signed else plain
    return {
        number: Mark(scale.at(value), BELOW_PX + round(up / 2), write(value))
        for (number, value), up in zip(newest, above, strict=True)
    }


def _mark(value: float, y: int) -> Mark:
    return Mark(SCORES.at(value), y, plain(value))


def effects(
    claims: Sequence[tuple[Claim, ClaimRecord]], arms: Iterable[Arm], scale: Scale, measures: Mapping[Measure, str]
) -> tuple[Effect, ...]:
    """One line for each claim, on the axis `scale`; the measure is named where there are several."""
    titles = {arm.id: arm.title for arm in arms}
    return tuple(
        Effect(
            title=words.of_comparison(claim, titles),
            measure=measures[claim.measure] if len(measures) > 1 else "",
            varies=str(words.VARIED[claim.varies]),
            x=scale.at(record.effect),
            low=scale.at(record.low),
            high=scale.at(record.high),
            said=words.of_interval(signed(record.effect), signed(record.low), signed(record.high)),
            verdict=words.of_found(claim, record),
            claimed=words.of_claim(claim),
            holds=record.holds,
        )
        for claim, record in claims
    )


def effects_scale(records: Iterable[ClaimRecord]) -> Scale:
    """One axis for all effects of a finding."""
    return differences(value for one in records for value in (one.effect, one.low, one.high))
