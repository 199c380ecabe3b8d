"""Grades an author's answers, attacks and benign look-alikes with the judge, each as if the grader did not know it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from challenges.bundle import ChallengeBundle
from challenges.kinds.free_text import FreeTextPayload
from challenges.rows import Attack, Benign, GoldAnswer
from graders import registry
from graders.base import Assignment, Embed, Embedded, Grade, Judge, WorkItem
from graders.free_text.attacks.suite import SuiteAttack, suite
from graders.free_text.calibration import GradedAnswer, GradedAttack, report
from graders.free_text.judge.messages import version
from workers.execute import Judging
from workers.judge.contract import Postpone

Row = TypeVar("Row")
PATIENCE = 5
NO_SOURCES: Mapping[str, str] = MappingProxyType({})
Sources = Mapping[str, str]
Embedding = Callable[[Sequence[str]], list[list[float]]]


class Bench:
    """Grades one answer after another with a judge, in this process. `pause` waits a number of seconds."""

    def __init__(
        self, judge: Judging, embed: Embedding, template: str = "", pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.judge, self.embed, self.template, self.pause = judge, embed, template, pause

    def grade(self, bundle: ChallengeBundle, answer: str, sources: Sources = NO_SOURCES) -> Grade:
        """The answer's grade as if the judge had passed the gate; `sources` are texts that it may be copied from.

        Raises what the judge raises, and Postpone only after waiting `PATIENCE` times.
        """
        payload = FreeTextPayload(answer=answer)
        assignment = Assignment(bundle, payload, hidden=True, calibrated=None, template=self.template, sources=sources)
        grading = registry.grade(assignment)
        result = None
        try:
            while True:
                result = self._carry_out(grading.send(result))
        except StopIteration as finished:
            grade: Grade = finished.value
            return grade

    def _carry_out(self, item: WorkItem) -> Any:
        if isinstance(item, Embed):
            return Embedded(self.embed(item.texts))
        assert isinstance(item, Judge)
        for _ in range(PATIENCE):
            try:
                return self.judge.judge(item)
            except Postpone as later:
                self.pause(later.seconds)
        return self.judge.judge(item)


def calibrate(
    bundle: ChallengeBundle,
    bench: Bench,
    on_done: Callable[[], None] = lambda: None,
    sources: Sources = NO_SOURCES,
    suite_rows: int | None = None,
) -> dict[str, Any]:
    """Grades all answers and returns the report of `graders.free_text.calibration`.

    `on_done` is called after each of `rows_of(...)` answers. `sources` are texts that learners can read, by name:
    `lesson`, `faq`, `solution` and `statement`. Gold answers with the role `prompt` are not graded, because the judge's
    prompt shows them. Half of the author's attacks are given to the grader, which then recognises them; only the other
    half is graded and counts. `suite_rows` is the largest number of attacks of our own suite to grade, spread over its
    families; None grades all.
    """

    def seen(grade: Grade) -> Grade:
        on_done()
        return grade

    def of_role(role: str) -> Iterator[GradedAnswer]:
        for gold in bundle.gold:
            if gold.role == role:
                yield GradedAnswer(gold.marks, seen(bench.grade(unseen(bundle, gold), gold.answer, sources)))

    shown, held_back = halves(bundle.attacks)
    listed = replace(bundle, attacks=shown)
    attacks = [GradedAttack(a.category, a.max_score, seen(bench.grade(listed, a.answer, sources))) for a in held_back]
    benign = [GradedAnswer(b.marks, seen(bench.grade(unseen(bundle, b), b.answer, sources))) for b in bundle.benign]
    ours = [
        GradedAttack(a.family, a.most, seen(bench.grade(listed, a.text, sources)))
        for a in ours_of(bundle, sources, suite_rows)
    ]
    return report(
        bundle.challenge, [*of_role("calibration")], [*of_role("test")], attacks, benign, ours, version(bench.template)
    )


def halves(attacks: Sequence[Attack]) -> tuple[tuple[Attack, ...], tuple[Attack, ...]]:
    """Splits the attacks, alternately within each category, into those shown to the grader and those held back."""
    ordered = sorted(attacks, key=lambda attack: attack.category)
    return tuple(ordered[1::2]), tuple(ordered[::2])


def unseen(bundle: ChallengeBundle, row: GoldAnswer | Benign) -> ChallengeBundle:
    """The bundle without one graded answer. Its digest stays the same, and so do the keys of cached replies."""
    gold = tuple(other for other in bundle.gold if other is not row)
    return replace(bundle, gold=gold, benign=tuple(other for other in bundle.benign if other is not row))


def ours_of(bundle: ChallengeBundle, sources: Sources, rows: int | None) -> list[SuiteAttack]:
    """The attacks of our own suite on a question, at most `rows` of them."""
    return spread(suite(bundle, sources), rows)


def spread(rows: Sequence[Row], most: int | None) -> list[Row]:
    """At most `most` rows at equal distances, including the first and the last; all rows if `most` is None."""
    if most is None or len(rows) <= most:
        return list(rows)
    step = (len(rows) - 1) / max(1, most - 1)
    return [rows[round(n * step)] for n in range(most)]


def rows_of(bundle: ChallengeBundle, sources: Sources = NO_SOURCES, suite_rows: int | None = None) -> int:
    """How many answers a calibration grades."""
    gold = sum(not row.is_example for row in bundle.gold)
    return gold + len(halves(bundle.attacks)[1]) + len(bundle.benign) + len(ours_of(bundle, sources, suite_rows))
