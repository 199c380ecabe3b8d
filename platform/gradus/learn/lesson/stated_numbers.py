"""The numbers that a lesson states, each beside the one measured here."""

from dataclasses import dataclass

from challenges.lesson.spec import Figure
from gradus.courses.models import Lesson


@dataclass(frozen=True)
class Line:
    """`measured` is None where nothing was measured; `holds` says whether it is within the author's bounds."""

    figure: Figure
    measured: float | None
    holds: bool | None

    @property
    def is_rule_of_thumb(self) -> bool:
        return not self.figure.source and not self.figure.measured

    @property
    def value(self) -> str:
        return written(self.measured, self.figure.unit) if self.measured is not None else ""


def lines(lesson: Lesson) -> list[Line]:
    values = {**lesson.measured, **lesson.measured.get("figures", {})}
    return [_line(figure, values.get(figure.measured)) for figure in lesson.parsed.figures]


def _line(figure: Figure, value: object) -> Line:
    if not figure.measured or isinstance(value, bool) or not isinstance(value, int | float):
        return Line(figure, None, None)
    low = figure.at_least is None or value >= figure.at_least
    high = figure.at_most is None or value <= figure.at_most
    return Line(figure, float(value), low and high)


def written(value: float, unit: str) -> str:
    """A measured number with its unit, to a sensible number of digits: shares as per cent, seconds as minutes.

    A score has no unit.
    """
    if unit == "share":
        return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"
    if unit == "s" and value >= 90:
        return f"{value / 60:.0f} min"
    number = f"{value:.2f}" if value < 1 else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return number if unit == "score" else f"{number} {unit}".strip()
