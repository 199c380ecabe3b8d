"""A judge's store on an author's own machine: no budget, replies kept in memory, calls and tokens counted."""

from __future__ import annotations

from graders.base import Judged
from workers.judge_contract import CallRecord


class Ledger:
    """Of one run of a command. `problems` holds what was wrong with each unusable reply."""

    def __init__(self) -> None:
        self.calls = self.tokens = 0
        self.problems: list[str] = []
        self._replies: dict[str, Judged] = {}

    def cached(self, key: str) -> Judged | None:
        return self._replies.get(key)

    def log(self, record: CallRecord) -> int:
        self.calls += 1
        self.tokens += record.prompt_tokens + record.completion_tokens
        if record.problem:
            self.problems.append(record.problem)
        elif record.reply is not None:
            self._replies[record.key] = Judged(record.reply, "", record.model, self.calls)
        return self.calls

    def reserve(self, tokens: int) -> bool:
        return True

    def settle(self, reserved: int, spent: int) -> None:
        """Nothing was reserved."""
