"""Makes the HTTP clients for the endpoints that staff name in the environment, and keeps what is known about a judge's.

Judges and remote engines share the clients.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import openai
from openai import OpenAI

from workers.judge.contract import Postpone

OUTPUT_TOKENS = 2000
BREAKER_FAILURES = 3
BREAKER_SECONDS = 60.0
RETRY_SECONDS_MAX = 3600.0
RUNGS = ("json_schema", "json_object", "text")


def client(base_url: str | None, api_key: str, timeout: float) -> OpenAI:
    """A client for this address only; it does not follow redirects and does not repeat requests.

    A redirect would send a key, hidden rows and answers to an address that staff have not chosen, such as another host,
    a machine of this network, or a cloud's metadata service.
    """
    http = openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False)
    return OpenAI(base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=0, http_client=http)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait according to a Retry-After header in seconds or as a date; None without a valid header."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 1.0), RETRY_SECONDS_MAX)


@dataclass
class Endpoint:
    """What this process knows about an endpoint: which parameters it accepts, and whether it answers at all.

    `fault` tells staff what was wrong with its last answer and how to fix it; it is "" if nothing was. `rung` is an
    index into `RUNGS`, the response formats from the strictest to the most lenient. `latency` is how many seconds the
    probe took, None before it.
    """

    rung: int = 0
    limit: str = "max_tokens"
    temperature: bool = True
    probed: bool = False
    latency: float | None = None
    failures: int = 0
    failed_at: float = -math.inf
    closed_until: float = 0.0
    fault: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def check(self, now: float) -> None:
        """Raises `Postpone` while the circuit breaker is open; afterwards one call may try."""
        if now < self.closed_until:
            raise Postpone(self.closed_until - now, "judge_breaker", self.fault)

    def failed(self, started: float, now: float, fault: str) -> None:
        """Counts the failure of a call; opens the circuit breaker after `BREAKER_FAILURES` in a row.

        A call that had started when an earlier failure was counted does not count again: all calls that an endpoint
        refuses at one moment, such as by a limit on their number, are one failure.
        """
        with self.lock:
            self.fault = fault
            if started < self.failed_at:
                return
            self.failures, self.failed_at = self.failures + 1, now
            if self.failures >= BREAKER_FAILURES:
                self.closed_until = now + BREAKER_SECONDS

    def answered(self) -> None:
        """Closes the circuit breaker."""
        with self.lock:
            self.failures, self.closed_until = 0, 0.0

    def step_down(self, complaint: str) -> bool:
        """Changes the parameter that the endpoint refused, or else the response format; False if none is left."""
        if "max_completion_tokens" in complaint and self.limit == "max_tokens":
            self.limit = "max_completion_tokens"
        elif "temperature" in complaint and self.temperature:
            self.temperature = False
        elif self.rung < len(RUNGS) - 1:
            self.rung += 1
        else:
            return False
        return True

    def parameters(self, model: str) -> dict[str, Any]:
        """The parameters of a call, except messages and response format, that the endpoint accepts."""
        return {"model": model, self.limit: OUTPUT_TOKENS} | ({"temperature": 0} if self.temperature else {})

    def response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The parameter that asks for a reply of this JSON schema, or for JSON, as far as the endpoint accepts it."""
        if RUNGS[self.rung] == "text":
            return {}
        if RUNGS[self.rung] == "json_object":
            return {"response_format": {"type": "json_object"}}
        strict = {"name": "marks", "strict": True, "schema": dict(schema)}
        return {"response_format": {"type": "json_schema", "json_schema": strict}}
