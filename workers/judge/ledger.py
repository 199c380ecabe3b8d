"""The judge store of an author's commands: it has no budget, caches replies in memory, and counts calls and cost."""

from __future__ import annotations

from graders.base import Judged
from workers.judge.contract import CallRecord


class Ledger:
    """Counts the judge calls of one run of a command.

    `problems` says what was wrong with each unusable reply, `seconds` holds the duration of each call, and `forms` the
    response formats that were asked for. `micros` is the cost, in millionths of the unit of `currency`, of the calls
    whose cost is known; `unpriced` counts the others.
    """

    def __init__(self) -> None:
        self.calls = self.tokens = self.micros = self.unpriced = 0
        self.currency = ""
        self.problems: list[str] = []
        self.seconds: list[float] = []
        self.forms: set[str] = set()
        self._replies: dict[str, Judged] = {}

    def cached(self, key: str) -> Judged | None:
        return self._replies.get(key)

    def log(self, record: CallRecord) -> int:
        self.calls += 1
        self.tokens += record.prompt_tokens + record.completion_tokens
        self.micros += record.cost_micros or 0
        self.unpriced += record.cost_micros is None
        self.currency = record.currency or self.currency
        self.seconds.append(record.seconds)
        self.forms.add(record.rung)
        if record.problem:
            self.problems.append(record.problem)
        elif record.reply is not None:
            self._replies[record.key] = Judged(record.reply, "", record.model, self.calls)
        return self.calls

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
