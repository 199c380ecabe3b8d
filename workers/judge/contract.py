"""The interface between the judge client and the site: the store behind a call, its record, and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from graders.base import MARKS, Judged


class Postpone(Exception):
    """The endpoint cannot answer now; the evaluation should be graded again after `seconds`.

    `code` is for logs and the queue's page; `advice` tells staff what is wrong and how to fix it.
    """

    def __init__(self, seconds: float, code: str, advice: str = "") -> None:
        super().__init__(f"{code}: again in {seconds:.0f} s")
        self.seconds = seconds
        self.code = code
        self.advice = advice


class JudgeUnusable(Exception):
    """The judge answers, but nothing that it says can be used. The message tells an author why, with an excerpt."""


class JudgeMisconfigured(Exception):
    """The endpoint permanently refuses our requests. The message tells staff what to set."""


@dataclass(frozen=True)
class CallRecord:
    """One HTTP exchange with the judge, stored for staff: the whole request, the raw response, and its outcome.

    `cost_micros` is in millionths of the unit of `currency`, or None if a price or the number of tokens is unknown.
    `rung` is the response format that was asked for, and `asks` what the call is about (see `graders.base.Judge`).
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
    asks: str = MARKS


class JudgeStore(Protocol):
    """The reply cache, budget and call log of one evaluation; implemented with the services of the site."""

    def cached(self, key: str) -> Judged | None:
        """An earlier usable reply to the same call, or None."""

    def log(self, record: CallRecord) -> int:
        """Appends a record and returns its id; `cached` later finds a record that has a reply."""

    def reserve(self, tokens: int, micros: int = 0) -> bool:
        """Takes tokens and money off every budget that applies; False, taking nothing, if one of them is too small.

        `micros` is 0 without a price.
        """

    def settle(self, reserved: int, spent: int, reserved_micros: int = 0, spent_micros: int = 0) -> None:
        """Returns to the budgets what was reserved but not spent, in tokens and in money."""
