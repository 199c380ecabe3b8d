"""A score on a line from 0 to 1, beside the marks to reach, the author's baselines and the learner's own best.

Labels are laid out here, because a template cannot know which of them would overlap. They are laid out for the
narrowest screen; on a wider one there is only more room between them. Lengths are in CSS pixels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from challenges.shown_score import written

ATTEMPT, BEST, PASS, GOLD, BASELINE = "attempt", "best", "pass", "gold", "baseline"

# The length of the line on a screen of 360 px, and how far labels may reach beyond its ends.
LINE, BEYOND = 280, 16
# The mean width of a character of a label in bold, with some room.
CHARACTER = 5.9
LANE, BAR, GAP = 18, 20, 5


@dataclass(frozen=True)
class Mark:
    """A labelled place on the line. `lane` counts rows of labels from the line on; `anchor` is SVG's."""

    kind: str
    name: str
    score: float
    lane: int = 0
    anchor: str = "end"
    y: float = 0

    @property
    def at(self) -> str:
        return f"{100 * self.score:.2f}%"

    @property
    def dx(self) -> int:
        """How far the label stands from its line."""
        return -4 if self.anchor == "end" else 4

    @property
    def label(self) -> str:
        return f"{self.name} {written(self.score)}"

    @property
    def span(self) -> tuple[float, float]:
        """From where to where the label reaches, on the narrowest screen."""
        at, length = self.score * LINE, len(self.label) * CHARACTER + 2 * abs(self.dx)
        return (at - length, at) if self.anchor == "end" else (at, at + length)


@dataclass(frozen=True)
class ScoreBar:
    """`above` are the marks to reach; `below` are scores. `top` is the y of the bar in a drawing of `height`."""

    score: float
    above: tuple[Mark, ...]
    below: tuple[Mark, ...]
    top: int
    height: int

    @property
    def at(self) -> str:
        return f"{100 * self.score:.2f}%"

    @property
    def bar_height(self) -> int:
        return BAR

    @property
    def middle(self) -> float:
        return self.top + BAR / 2

    @property
    def bottom(self) -> int:
        return self.top + BAR

    @property
    def listed(self) -> list[Mark]:
        """All marks, the highest first: what a screen reader gets in place of the drawing."""
        return sorted((*self.below, *self.above), key=lambda mark: (-mark.score, not _is_attempt(mark)))

    @property
    def has_baselines(self) -> bool:
        return any(mark.kind == BASELINE for mark in self.below)


def score_bar(score: float, goals: Iterable[Mark], scores: Iterable[Mark]) -> ScoreBar:
    """Draws `score` as a bar, with `goals` labelled above it and `scores`, and the score itself, below."""
    above, below = laid_out(goals), laid_out([Mark(ATTEMPT, _("This attempt"), score), *scores])
    top, bottom = _lanes(above) * LANE + GAP, _lanes(above) * LANE + GAP + BAR
    return ScoreBar(
        score=score,
        above=tuple(replace(mark, y=top - GAP - (mark.lane + 1) * LANE) for mark in above),
        # The attempt itself is drawn last, so that nothing covers it.
        below=tuple(replace(mark, y=bottom + (mark.lane + 1) * LANE) for mark in sorted(below, key=_is_attempt)),
        top=top,
        height=bottom + _lanes(below) * LANE + GAP,
    )


def _is_attempt(mark: Mark) -> bool:
    return mark.kind == ATTEMPT


def _lanes(marks: Sequence[Mark]) -> int:
    return max((mark.lane + 1 for mark in marks), default=0)


def laid_out(marks: Iterable[Mark]) -> list[Mark]:
    """Gives each label a side and a lane, so that no two overlap and as few lines as possible cross a label.

    A label stands left of its line where it fits there. Taken in ascending order, each next line then passes right of
    all labels before it.
    """
    placed: list[Mark] = []
    ordered = sorted(marks, key=lambda mark: mark.score)
    fits = [mark for mark in ordered if _fits(mark)]
    for mark in (*reversed([mark for mark in ordered if mark not in fits]), *fits):
        placed.append(_place(mark, placed))
    return placed


def _fits(mark: Mark) -> bool:
    low, high = mark.span
    return low >= -BEYOND and high <= LINE + BEYOND


def _place(mark: Mark, placed: Sequence[Mark]) -> Mark:
    sides = [side for anchor in ("end", "start") if _fits(side := replace(mark, anchor=anchor))]
    options = [replace(side, lane=lane) for side in sides or [mark] for lane in range(len(placed) + 1)]
    apart = [one for one in options if not any(_overlap(one, other) for other in placed)]
    return min(apart, key=lambda one: sum(_cross(one, other) for other in placed))


def _overlap(one: Mark, other: Mark) -> bool:
    return one.lane == other.lane and one.span[0] < other.span[1] and other.span[0] < one.span[1]


def _cross(one: Mark, other: Mark) -> bool:
    """Returns True if the line of the deeper label crosses the label above it."""
    upper, deeper = sorted((one, other), key=lambda mark: mark.lane)
    return upper.lane < deeper.lane and upper.span[0] < deeper.score * LINE < upper.span[1]
