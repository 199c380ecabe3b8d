"""Grades an author's answers, attacks and benign look-alikes with the judge, each as if the grader did not know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from challenges.bundle import ChallengeBundle
from challenges.rows import Attack, Benign, GoldAnswer, QuotedRow
from graders.free_text.attacks.suite import suite
from graders.free_text.calibration import GradedAnswer, GradedAttack, report
from graders.free_text.judge.messages import version_for
from workers.authoring.bench import NO_SOURCES, Bench, Embedding, Sources

__all__ = ["Answer", "Bench", "Embedding", "answers_of", "calibrate", "halves", "rows_of", "spread", "unseen"]

Row = TypeVar("Row")


@dataclass(frozen=True)
class Answer:
    """An answer to grade: its part of the report, its text, and the bundle as far as the grader may know it.

    `marks` are a person's. An attack has a `category` instead and is worth at most `most`, in [0, 1]. `quoted` are the
    rows of a run that come with it.
    """

    part: str
    known: ChallengeBundle
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)
    category: str = ""
    most: float = 0.0
    quoted: tuple[QuotedRow, ...] = ()


def calibrate(
    bundle: ChallengeBundle,
    bench: Bench,
    on_done: Callable[[], None] = lambda: None,
    sources: Sources = NO_SOURCES,
    suite_rows: int | None = None,
    more: Sequence[GoldAnswer] = (),
) -> dict[str, Any]:
    """Grades all answers and returns the report of `graders.free_text.calibration`.

    `on_done` is called after each of `rows_of(...)` answers. `sources` are texts that learners can read, by name:
    `lesson`, `faq`, `solution` and `statement`. Gold answers with the role `prompt` are not graded, because the judge's
    prompt shows them. Half of the author's attacks are given to the grader, which then recognises them; only the other
    half is graded and counts. `suite_rows` is the largest number of attacks of our own suite to grade, spread over its
    families; None grades all. `more` are marked answers that the challenge does not have (see `collected`): the judge
    is measured on them as well, and is shown none of them.
    """
    listed = answers_of(bundle, sources, suite_rows, more)
    grades = bench.grade_all([(answer.known, answer.text, answer.quoted) for answer in listed], sources, on_done)

    def marked(part: str) -> list[GradedAnswer]:
        return [GradedAnswer(a.marks, grade) for a, grade in zip(listed, grades, strict=True) if a.part == part]

    def attacks(part: str) -> list[GradedAttack]:
        return [
            GradedAttack(a.category, a.most, grade, bundle.challenge.pass_)
            for a, grade in zip(listed, grades, strict=True)
            if a.part == part
        ]

    return report(
        bundle.challenge,
        marked("calibration"),
        marked("test"),
        attacks("attacks"),
        marked("benign"),
        attacks("suite"),
        version_for(bundle.challenge, bench.template),
    )


def answers_of(
    bundle: ChallengeBundle,
    sources: Sources = NO_SOURCES,
    suite_rows: int | None = None,
    more: Sequence[GoldAnswer] = (),
) -> list[Answer]:
    """The answers that a calibration grades (see `calibrate`)."""
    shown, held_back = halves(bundle.attacks)
    listed = replace(bundle, attacks=shown)
    rows = bundle.gold[0].quoted if bundle.gold else ()
    return [
        *(
            Answer(g.role, unseen(bundle, g), g.answer, g.marks, quoted=g.quoted)
            for g in bundle.gold
            if not g.is_example
        ),
        *(Answer(g.role, bundle, g.answer, g.marks, quoted=g.quoted) for g in more if not g.is_example),
        *(
            Answer("attacks", listed, a.answer, category=a.category, most=a.max_score, quoted=a.quoted)
            for a in held_back
        ),
        *(Answer("benign", unseen(bundle, b), b.answer, b.marks, quoted=b.quoted) for b in bundle.benign),
        *(
            # Whoever attacks a question about a run of their own quotes rows of one, as the author's answers do.
            Answer("suite", listed, a.text, category=a.family, most=a.most, quoted=rows)
            for a in spread(suite(bundle, sources), suite_rows)
        ),
    ]


def halves(attacks: Sequence[Attack]) -> tuple[tuple[Attack, ...], tuple[Attack, ...]]:
    """Splits the attacks, alternately within each category, into those shown to the grader and those held back."""
    ordered = sorted(attacks, key=lambda attack: attack.category)
    return tuple(ordered[1::2]), tuple(ordered[::2])


def unseen(bundle: ChallengeBundle, row: GoldAnswer | Benign) -> ChallengeBundle:
    """The bundle without one graded answer. Its digest stays the same, and so do the keys of cached replies."""
    gold = tuple(other for other in bundle.gold if other is not row)
    return replace(bundle, gold=gold, benign=tuple(other for other in bundle.benign if other is not row))


def spread(rows: Sequence[Row], most: int | None) -> list[Row]:
    """At most `most` rows at equal distances, including the first and the last; all rows if `most` is None."""
    if most is None or len(rows) <= most:
        return list(rows)
    step = (len(rows) - 1) / max(1, most - 1)
    return [rows[round(n * step)] for n in range(most)]


def rows_of(
    bundle: ChallengeBundle,
    sources: Sources = NO_SOURCES,
    suite_rows: int | None = None,
    more: Sequence[GoldAnswer] = (),
) -> int:
    """How many answers a calibration grades."""
    return len(answers_of(bundle, sources, suite_rows, more))
