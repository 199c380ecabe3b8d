"""The table of claims of a lesson: phrases as they stand in its text, and a check that asks what they speak about.

`parts` finds what a lesson shows that a phrase could be wrong about: its demo, its search, its findings, its tables and
its drawings of figures. Each of them needs a claim. A sentence of plain text that states a result needs one as well,
but nothing finds such a sentence: its author adds the claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from challenges.course_bundle import LessonBundle
from challenges.lesson.text import READER, images
from tests.lessons.evidence import Evidence

Check = Callable[[Evidence], None]
# A drawing of figures shows curves, or amounts with a fraction or a unit. It may say that it measures nothing.
FIGURES = re.compile(r"\b(?:curves?|charts?)\b|\d[.,]\d|\d (?:GB|MB|%)")
NOT_MEASURED = re.compile(r"\b(?:made up|made-up|sketch|drawing)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """`check` raises AssertionError where what `part` shows is not what the phrases `says` tell."""

    lesson: str
    part: str
    says: tuple[str, ...]
    check: Check
    is_live: bool

    @property
    def name(self) -> str:
        return f"{self.lesson}: {self.part}: {self.check.__name__}"


@dataclass
class Claims:
    """The claims of one lesson. `advice` are tables that state no result: what to do, and words that are explained."""

    lesson: str
    advice: tuple[str, ...] = ()
    listed: list[Claim] = field(default_factory=list)

    def about(self, part: str, *says: str, live: bool = False) -> Callable[[Check], Check]:
        """Adds a claim. `live` checks run the real search or the real model, and take longer than a record does."""

        def add(check: Check) -> Check:
            self.listed.append(Claim(self.lesson, part, says, check, live))
            return check

        return add


def parts(lesson: LessonBundle) -> tuple[str, ...]:
    """The names of all parts of a lesson that need a claim, in no particular order."""
    named = [name for name in ("demo", "retriever") if getattr(lesson.lesson, name) is not None]
    named += [f"finding {finding.id}" for finding in lesson.findings if finding.shown]
    named += [f"table {heading}" for heading in tables(lesson.text)]
    named += [f"drawing {image.source}" for image in images(lesson.text) if _shows_figures(image.alternative)]
    return tuple(named)


def _shows_figures(alternative: str) -> bool:
    return FIGURES.search(alternative) is not None


def says_that_it_measures_nothing(lesson: LessonBundle, part: str) -> bool:
    """Whether `part` is a drawing whose caption says so."""
    captions = {f"drawing {image.source}": image.caption for image in images(lesson.text)}
    return NOT_MEASURED.search(captions.get(part, "")) is not None


def tables(text: str) -> Iterator[str]:
    """The heading of each table of a lesson's text, cells joined by " | "; also of tables in folds."""
    heading: list[str] | None = None
    for token in READER.parse(text):
        if token.type == "thead_open":
            heading = []
        elif token.type == "thead_close" and heading is not None:
            yield " | ".join(cell for cell in heading if cell)
            heading = None
        elif token.type == "inline" and heading is not None:
            heading.append(token.content)


def words_of(lesson: LessonBundle) -> str:
    """All texts of a lesson and its findings that a reader sees, with single spaces."""
    findings = [text for one in lesson.findings for text in (one.title, one.statement, one.limits)]
    arms = [arm.title for one in lesson.findings for experiment in one.experiments for arm in experiment.arms]
    return one_line("\n".join((lesson.text, *_texts(lesson.lesson.model_dump(mode="json")), *findings, *arms)))


def one_line(text: str) -> str:
    return " ".join(text.split())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
