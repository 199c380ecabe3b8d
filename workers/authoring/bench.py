"""Grades answers with a judge in this process, several at once within what the endpoint allows."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import MappingProxyType
from typing import Any, TypeVar

from challenges.bundle import ChallengeBundle
from challenges.kinds.free_text import FreeTextPayload, QuotedRun
from challenges.rows import QuotedRow
from graders import registry
from graders.base import Assignment, Embed, Embedded, Grade, Grading, Judge, Judged, WorkItem
from workers.execute import Judging
from workers.judge.contract import Postpone

PATIENCE = 5
# After so many answered calls in a row one more call may be under way, up to the number at the start.
RISES_AFTER = 20
NO_SOURCES: Mapping[str, str] = MappingProxyType({})
Sources = Mapping[str, str]
Quoted = Sequence[QuotedRow]
Embedding = Callable[[Sequence[str]], list[list[float]]]
Result = TypeVar("Result")


class Interrupted(Exception):
    """Another answer's error, or the user, ended the run, so this answer is not graded."""


class Slots:
    """Limits the calls that are under way at once.

    When the endpoint postpones a call, all calls wait as long as it asks for, and then half as many are made at once.
    The calls that were under way together count as one postponement. `pause` waits a number of seconds.
    """

    def __init__(self, most: int, pause: Callable[[float], object] | None = None) -> None:
        self.most = self.limit = most
        self._pause = pause or self._sleep
        self._changed = threading.Condition()
        self._under_way = self._round = self._postponed = self._answered = 0
        self._paused = self._stopped = False

    def call(self, ask: Callable[[], Result]) -> Result:
        """Returns what `ask` returns, and calls it again after each `Postpone`.

        Raises that Postpone once `PATIENCE` waits in a row have not helped, and Interrupted after `stop`.
        """
        while True:
            number = self._take()
            try:
                result = ask()
            except Postpone as later:
                self._give_back()
                self._wait(number, later)
            except BaseException:
                self._give_back()
                raise
            else:
                self._give_back(answered=True)
                return result

    def stop(self) -> None:
        """Ends all waits, and lets no further call begin."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _take(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or (not self._paused and self._under_way < self.limit))
            if self._stopped:
                raise Interrupted
            self._under_way += 1
            return self._round

    def _give_back(self, answered: bool = False) -> None:
        with self._changed:
            self._under_way -= 1
            if answered:
                self._postponed, self._answered = 0, self._answered + 1
                if self._answered >= RISES_AFTER and self.limit < self.most:
                    self._answered, self.limit = 0, self.limit + 1
            self._changed.notify_all()

    def _wait(self, number: int, later: Postpone) -> None:
        with self._changed:
            if number != self._round:  # a call that was under way at the same time already waits for all
                return
            if self._postponed >= PATIENCE:
                raise later
            self._round, self._postponed, self._answered = self._round + 1, self._postponed + 1, 0
            self.limit, self._paused = max(1, self.limit // 2), True
        try:
            self._pause(later.seconds)
        finally:
            with self._changed:
                self._paused = False
                self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, timeout=seconds)


class Bench:
    """Grades answers with a judge, with at most `parallel` calls at once. `pause` waits a number of seconds."""

    def __init__(
        self,
        judge: Judging,
        embed: Embedding,
        template: str = "",
        pause: Callable[[float], object] | None = None,
        parallel: int = 1,
    ) -> None:
        self.judge, self.embed, self.template = judge, embed, template
        self.slots = Slots(parallel, pause)
        self._embedding = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def grade(self, bundle: ChallengeBundle, answer: str, sources: Sources = NO_SOURCES, quoted: Quoted = ()) -> Grade:
        """The answer's grade as if the judge had passed the gate; `sources` are texts that it may be copied from.

        `quoted` are the rows of a run that come with the answer.

        Raises what the judge raises, and Postpone only after waiting `PATIENCE` times.
        """
        grading = self.begin(bundle, answer, sources, quoted)
        result = None
        try:
            while True:
                result = self._carry_out(grading.send(result))
        except StopIteration as finished:
            grade: Grade = finished.value
            return grade

    def grade_all(
        self,
        answers: Sequence[tuple[ChallengeBundle, str, Quoted]],
        sources: Sources = NO_SOURCES,
        on_done: Callable[[], None] = lambda: None,
    ) -> list[Grade]:
        """The grades of all answers, in their order; `on_done` is called in this thread after each.

        The first error ends the run: calls that are under way are finished and logged, and no other begins.
        """
        with ThreadPoolExecutor(self.slots.most) as pool:
            graded = [pool.submit(self._grade_or_stop, *answer, sources) for answer in answers]
            try:
                for one in as_completed(graded):
                    if not isinstance(one.exception(), Interrupted):
                        one.result()
                        on_done()
            except BaseException:
                self.slots.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [one.result() for one in graded]

    def _grade_or_stop(self, bundle: ChallengeBundle, answer: str, quoted: Quoted, sources: Sources) -> Grade:
        try:
            return self.grade(bundle, answer, sources, quoted)
        except Exception:
            # At once, because the thread that waits for all grades may notice only after the next call has begun.
            self.slots.stop()
            raise

    def begin(
        self, bundle: ChallengeBundle, answer: str, sources: Sources = NO_SOURCES, quoted: Quoted = ()
    ) -> Grading:
        """The grading of an answer, which yields its work items."""
        payload = FreeTextPayload(answer=answer, own_run=QuotedRun(rows=tuple(quoted)) if quoted else None)
        return registry.grade(
            Assignment(bundle, payload, hidden=True, calibrated=None, template=self.template, sources=sources)
        )

    def embedded(self, item: Embed) -> Embedded:
        """The result of an Embed item; one thread at a time computes, because they share the encoder's cache."""
        with self._embedding:
            return Embedded(self.embed(item.texts))

    def _carry_out(self, item: WorkItem) -> Any:
        if isinstance(item, Embed):
            return self.embedded(item)
        assert isinstance(item, Judge)
        return self._judged(item)

    def _judged(self, item: Judge) -> Judged:
        # Two equal calls are made one after the other, so that the second finds the reply of the first.
        with self._asking[repr((item.messages, item.template))]:
            return self.slots.call(lambda: self.judge.judge(item))
