"""The judge store of an author's commands: it has no budget, keeps replies, and counts calls, tokens and cost."""

from __future__ import annotations

import threading
from collections import Counter

from graders.base import Judged
from workers.judge import faults
from workers.judge.contract import CallRecord, JudgeUnusable
from workers.judge.kept_replies import KeptReplies, KeptReply

UNUSABLE_MOST = 10


class Ledger:
    """Counts the judge calls of one run of a command; several threads may use it.

    `problems` says what was wrong with each unusable reply, `seconds` holds the duration of each call, and `forms` the
    response formats that were asked for. `micros` is the cost, in millionths of the unit of `currency`, of the calls
    whose cost is known; `unpriced` counts the others.

    Usable replies are kept in memory, and in `kept` where that is given; `taken` counts the replies of earlier runs
    that were found there. With `unusable_most`, so many unusable replies in a row to one kind of call raise
    JudgeUnusable.
    """

    def __init__(self, kept: KeptReplies | None = None, unusable_most: int | None = None) -> None:
        self.calls = self.tokens = self.micros = self.unpriced = self.taken = 0
        self.currency = ""
        self.problems: list[str] = []
        self.seconds: list[float] = []
        self.forms: set[str] = set()
        self._replies: dict[str, Judged] = {}
        self._kept, self._unusable_most = kept, unusable_most
        self._unusable: Counter[str] = Counter()
        self._lock = threading.Lock()

    def cached(self, key: str) -> Judged | None:
        with self._lock:
            if key not in self._replies and self._kept is not None and (found := self._kept.get(key)) is not None:
                self.taken += 1
                self.forms.add(found.rung)
                self._replies[key] = Judged(found.reply, "", found.model)
            return self._replies.get(key)

    def log(self, record: CallRecord) -> int:
        """Counts a call, keeps its reply and returns its number. Raises JudgeUnusable after too many unusable ones."""
        with self._lock:
            self.calls += 1
            self.tokens += record.prompt_tokens + record.completion_tokens
            self.micros += record.cost_micros or 0
            self.unpriced += record.cost_micros is None
            self.currency = record.currency or self.currency
            self.seconds.append(record.seconds)
            self.forms.add(record.rung)
            if record.problem:
                self._count_unusable(record)
            elif record.reply is not None:
                self._keep(record, record.reply)
            return self.calls

    def _count_unusable(self, record: CallRecord) -> None:
        self.problems.append(record.problem)
        self._unusable[record.asks] += 1
        if self._unusable_most is not None and self._unusable[record.asks] >= self._unusable_most:
            raise JudgeUnusable(faults.nothing_usable(self._unusable[record.asks], record))

    def _keep(self, record: CallRecord, reply: dict[str, object]) -> None:
        self._unusable[record.asks] = 0
        self._replies[record.key] = Judged(reply, "", record.model, self.calls)
        if self._kept is not None:
            tokens = record.prompt_tokens, record.completion_tokens
            self._kept.put(KeptReply(record.key, reply, record.model, record.rung, *tokens, record.seconds))

    def reserve(self, tokens: int, micros: int = 0) -> bool:
        return True

    def settle(self, reserved: int, spent: int, reserved_micros: int = 0, spent_micros: int = 0) -> None:
        """Does nothing, because nothing was reserved."""

    @property
    def cost(self) -> dict[str, object] | None:
        """The total cost of the calls; None if the cost of a call is unknown, or if there was no call."""
        if not self.calls or self.unpriced:
            return None
        return {"amount": self.micros / 1e6, "currency": self.currency}
