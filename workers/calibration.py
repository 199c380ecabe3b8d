"""Grades an author's own answers, attacks and benign look-alikes for real, each as if it were unknown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.payloads import FreeTextPayload
from challenges.spec import Benign, GoldAnswer
from graders import registry
from graders.base import Assignment, Embed, Embedded, Grade, Judge, WorkItem
from graders.free_text.calibration import GradedAnswer, GradedAttack, report
from graders.free_text.messages import version
from workers.execute import Judging
from workers.judge_contract import Postpone

PATIENCE = 5
Embedding = Callable[[Sequence[str]], list[list[float]]]


class Bench:
    """Grades one answer after the other with a judge, in this process. `pause` waits so many seconds."""

    def __init__(
        self, judge: Judging, embed: Embedding, template: str = "", pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.judge, self.embed, self.template, self.pause = judge, embed, template, pause

    def grade(self, bundle: ChallengeBundle, answer: str) -> Grade:
        """The grade as if the judge had passed the gate.

        Raises what the judge raises; Postpone only after waiting `PATIENCE` times.
        """
        payload = FreeTextPayload(kind="free_text", answer=answer)
        grading = registry.grade(Assignment(bundle, payload, hidden=True, calibrated=None, template=self.template))
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


def calibrate(bundle: ChallengeBundle, bench: Bench, on_done: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The report of `graders.free_text.calibration`; `on_done` is called after each of `rows_of(bundle)` answers."""

    def seen(grade: Grade) -> Grade:
        on_done()
        return grade

    def of_role(role: str) -> Iterator[GradedAnswer]:
        for gold in bundle.gold:
            if gold.role == role:
                yield GradedAnswer(gold.marks, seen(bench.grade(unseen(bundle, gold), gold.answer)))

    # Unlisted, since a stranger's attack is in no list.
    unlisted = replace(bundle, attacks=())
    attacks = [GradedAttack(a.category, a.max_score, seen(bench.grade(unlisted, a.answer))) for a in bundle.attacks]
    benign = [GradedAnswer(b.marks, seen(bench.grade(unseen(bundle, b), b.answer))) for b in bundle.benign]
    return report(
        bundle.challenge, [*of_role("calibration")], [*of_role("test")], attacks, benign, version(bench.template)
    )


def unseen(bundle: ChallengeBundle, row: GoldAnswer | Benign) -> ChallengeBundle:
    """The bundle without one graded answer. The digest stays, and with it the cache's keys."""
    gold = tuple(other for other in bundle.gold if other is not row)
    return replace(bundle, gold=gold, benign=tuple(other for other in bundle.benign if other is not row))


def rows_of(bundle: ChallengeBundle) -> int:
    """How many answers a calibration grades."""
    return sum(gold.role != "prompt" for gold in bundle.gold) + len(bundle.attacks) + len(bundle.benign)
