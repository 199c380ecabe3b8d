"""What the judge client and the site agree on: the store behind a call, its record, and how a call can fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from graders.base import Judged


class Postpone(Exception):
    """The endpoint cannot answer now: grade again after `seconds`.

    `code` is for logs and the queue's page; `advice` tells staff what is wrong and how to mend it.
    """

    def __init__(self, seconds: float, code: str, advice: str = "") -> None:
        super().__init__(f"{code}: again in {seconds:.0f} s")
        self.seconds = seconds
        self.code = code
        self.advice = advice


class JudgeMisconfigured(Exception):
    """The endpoint refuses us for good. The message tells staff what to set."""


@dataclass(frozen=True)
class CallRecord:
    """One HTTP exchange as kept for staff: the whole request, the raw response, what became of it.

    `cost_micros` are millionths of the unit of `currency`; None where a price, or what was used, is unknown.
    """

    key: str
    template: str
    model: str
    rung: str
    request: dict[str, Any]
    response: str
    reply: dict[str, Any] | None
    problem: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cost_micros: int | None = None
    currency: str = ""


class JudgeStore(Protocol):
    """Cache, budget and log of one evaluation; the site's services stand behind it."""

    def cached(self, key: str) -> Judged | None:
        """An earlier usable reply to the same call."""

    def log(self, record: CallRecord) -> int:
        """Appends a record and returns its id; a record with a reply is what `cached` finds later."""

    def reserve(self, tokens: int, micros: int = 0) -> bool:
        """Takes both off every budget that applies, or off none and returns False; `micros` is 0 without a price."""

    def settle(self, reserved: int, spent: int, reserved_micros: int = 0, spent_micros: int = 0) -> None:
        """Gives back what was reserved and not spent, in tokens and in money."""
