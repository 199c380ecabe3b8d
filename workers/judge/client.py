"""Calls the judge, a language model behind an OpenAI-compatible endpoint.

A request contains a learner's answer, so no part of a request or a reply may go into the text of an exception.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx
import openai
from openai import OpenAI

from graders.base import Judge, Judged
from graders.free_text.judge import reply as replies
from graders.parsing import only_json_object
from workers.judge import endpoints, faults
from workers.judge import prices as judge_prices
from workers.judge.contract import CallRecord, JudgeMisconfigured, JudgeStore, Postpone
from workers.judge.endpoints import OUTPUT_TOKENS, RUNGS, Endpoint

TIMEOUT = 30.0
TIMEOUT_MOST = 600
RETRY_SECONDS = 15.0
NOT_CHAT = "not a chat completion"
BODY_BYTES = 1_000_000
BODY_KEPT = 20_000

_REPAIR = "That was not one JSON object of the required form. Send the same judgement again as one JSON object only."
_PROBE = [{"role": "user", "content": 'Answer with this JSON object and nothing else: {"ok": true}'}]
_PROBE_SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


_ENDPOINTS: dict[tuple[str, str, str], Endpoint] = {}


@dataclass(frozen=True)
class _Answer:
    text: str
    model: str
    finish: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    counted: bool = True
    miscounted: bool = False


@dataclass
class _Spent:
    """Tokens and cost of one judgement.

    If the endpoint does not report tokens, or more than were reserved, a high estimate is used.
    """

    tokens: int = 0
    micros: int = 0


class JudgeClient:
    """Asks `model` at `base_url` for judgements. Without a model, each judgement is None with the reason `absence`."""

    def __init__(
        self,
        model: str,
        base_url: str | None,
        api_key: str,
        store: JudgeStore,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        prices: judge_prices.Prices = judge_prices.UNKNOWN,
        absence: str = "no_endpoint",
    ) -> None:
        self.absence = absence
        self.model, self.store, self.clock, self.timeout, self.prices = model, store, clock, timeout, prices
        # The key is part of the identity: what was learned with an old key may not hold for a new one.
        key = hashlib.sha256(api_key.encode()).hexdigest()
        self.endpoint = _ENDPOINTS.setdefault((base_url or "", model, key), Endpoint())
        self.client: OpenAI | None = None
        if model:
            self.client = endpoints.client(base_url, api_key, timeout)

    @classmethod
    def from_environment(cls, store: JudgeStore, environment: Mapping[str, str] = os.environ) -> JudgeClient:
        """Makes a client from GRADUS_JUDGE_MODEL and at least one of OPENAI_BASE_URL and OPENAI_API_KEY.

        Without them the judge is absent. Raises JudgeMisconfigured for an invalid price or GRADUS_JUDGE_TIMEOUT.
        """
        base_url, api_key = environment.get("OPENAI_BASE_URL") or None, environment.get("OPENAI_API_KEY", "")
        model = environment.get("GRADUS_JUDGE_MODEL", "")
        if not (model and (base_url or api_key)):
            return cls.absent(store)
        prices = judge_prices.from_environment(environment)
        return cls(model, base_url, api_key, store, timeout=timeout_from(environment), prices=prices)

    @classmethod
    def absent(cls, store: JudgeStore, because: str = "no_endpoint") -> JudgeClient:
        """A client without a judge: the grader uses the built-in verifier instead, and staff read the reason."""
        return cls("", None, "", store, absence=because)

    @property
    def fault(self) -> str | None:
        """What staff should fix, or "" if nothing is wrong; None if there is no endpoint."""
        return None if self.client is None else self.endpoint.fault

    def judge(self, item: Judge) -> Judged:
        """The judge's reply to one call, or None with the reason: `no_endpoint`, `guest`, `budget`, `unusable (...)`.

        Raises:
            Postpone: the endpoint answered 429 or 5xx, timed out, or the connection broke.
            JudgeMisconfigured: the key, the model or the address is refused.
        """
        if self.client is None:
            return Judged(None, self.absence)
        if (known := self.known(item)) is not None:
            return known
        key = self.cache_key(item)
        self.endpoint.check(self.clock())
        self._probe()
        reserved = self._reserved(item)
        if not self.store.reserve(reserved.tokens, reserved.micros):
            return Judged(None, "budget")
        spent = _Spent()
        try:
            return self._converse(item, key, spent)
        finally:
            tokens, micros = min(spent.tokens, reserved.tokens), min(spent.micros, reserved.micros)
            self.store.settle(reserved.tokens, tokens, reserved.micros, micros)

    def known(self, item: Judge) -> Judged | None:
        """The stored reply to a call, or None; sends nothing."""
        return self.store.cached(self.cache_key(item))

    def _most(self, item: Judge) -> _Spent:
        """The most tokens and money that one call may cost."""
        sent = _estimate(item)
        return _Spent(sent + OUTPUT_TOKENS, self.prices.micros(sent, OUTPUT_TOKENS) or 0)

    def _reserved(self, item: Judge) -> _Spent:
        """The most that one judgement may cost: a second call may ask for a repaired reply."""
        most = self._most(item)
        return _Spent(2 * most.tokens, 2 * most.micros)

    def _believed(self, answer: _Answer, item: Judge) -> _Answer:
        """The answer, without its counts of tokens if they are more than were reserved."""
        reserved, cost = self._reserved(item), self._cost(answer) or 0
        if answer.prompt_tokens + answer.completion_tokens <= reserved.tokens and cost <= reserved.micros:
            return answer
        return replace(answer, prompt_tokens=0, completion_tokens=0, counted=False, miscounted=True)

    def _cost(self, answer: _Answer) -> int | None:
        return self.prices.micros(answer.prompt_tokens, answer.completion_tokens) if answer.counted else None

    def _pay(self, spent: _Spent, answer: _Answer, item: Judge) -> None:
        if answer.counted:
            spent.tokens += answer.prompt_tokens + answer.completion_tokens
            spent.micros += self._cost(answer) or 0
        else:
            most = self._most(item)
            spent.tokens, spent.micros = spent.tokens + most.tokens, spent.micros + most.micros

    def cache_key(self, item: Judge) -> str:
        """A SHA-256 digest of everything that determines a reply: messages, schema, template, model and parameters."""
        parts = [item.messages, item.schema, item.template, self.model, 0, OUTPUT_TOKENS]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=dict).encode()).hexdigest()

    def probe(self) -> float | None:
        """Tries the endpoint, if this process has not yet, and returns how many seconds its short answer took.

        Returns None without a judge. Raises what `judge` raises.
        """
        if self.client is None:
            return None
        self._probe()
        return self.endpoint.latency

    def _probe(self) -> None:
        """Finds out once which parameters the endpoint accepts, with a fixed message that no learner can influence."""
        with self.endpoint.lock:
            while not self.endpoint.probed:
                started = self.clock()
                try:
                    answer = self._post(_PROBE, _PROBE_SCHEMA)
                except openai.APIStatusError as error:
                    if not self.endpoint.step_down(str(error)):
                        raise self._misconfigured(faults.REFUSED_REQUEST, error.status_code) from None
                else:
                    if answer.finish == NOT_CHAT:
                        raise self._misconfigured(faults.NO_CHAT)
                    self.endpoint.probed, self.endpoint.latency = True, self.clock() - started

    def _converse(self, item: Judge, key: str, spent: _Spent) -> Judged:
        messages = [dict(message) for message in item.messages]
        judged, answer = self._once(item, key, messages, spent)
        if judged.reply is None and RUNGS[self.endpoint.rung] == "text" and answer.finish == "stop":
            messages += [{"role": "assistant", "content": answer.text}, {"role": "user", "content": _REPAIR}]
            judged, _ = self._once(item, key, messages, spent)
        return judged

    def _once(self, item: Judge, key: str, messages: list[dict[str, str]], spent: _Spent) -> tuple[Judged, _Answer]:
        started = self.clock()
        try:
            answer = self._believed(self._post(messages, item.schema), item)
        except openai.APIStatusError as error:
            answer = _Answer(error.message[:BODY_KEPT], self.model, f"refused with {error.status_code}")
        self._pay(spent, answer, item)
        reply, problem = _usable(answer, item)
        self.endpoint.fault = _fault(answer, problem)
        call_id = self.store.log(
            CallRecord(
                key=key,
                template=item.template,
                model=answer.model or self.model,
                rung=RUNGS[self.endpoint.rung],
                request=self._body(messages, item.schema),
                response=answer.text,
                reply=reply,
                problem=problem,
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                seconds=self.clock() - started,
                cost_micros=self._cost(answer),
                currency=self.prices.currency if self.prices.are_known else "",
                asks=item.asks,
            )
        )
        return Judged(reply, problem, answer.model or self.model, call_id), answer

    def _post(self, messages: list[dict[str, str]], schema: Mapping[str, Any]) -> _Answer:
        """Sends one request. Raises openai.APIStatusError only if the endpoint refuses this request (400, 422, ...)."""
        assert self.client is not None
        started = self.clock()
        try:
            with self.client.chat.completions.with_streaming_response.create(**self._body(messages, schema)) as raw:
                answer = _read(self._whole(raw, started))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise self._misconfigured(faults.REFUSED_KEY, error.status_code) from None
        except openai.NotFoundError as error:
            raise self._misconfigured(faults.REFUSED_MODEL, error.status_code) from None
        except openai.APIStatusError as error:
            if error.status_code < 400:
                raise self._misconfigured(faults.REDIRECTED, error.status_code) from None
            if error.status_code != 429 and error.status_code < 500:
                raise
            raise self._later(started, error.status_code, endpoints.retry_after(error.response.headers)) from None
        except openai.APITimeoutError:
            raise self._later(started, "timeout") from None
        except openai.APIConnectionError:
            raise self._later(started, "connection") from None
        except httpx.HTTPError as error:  # the connection broke in the middle of the body
            what = "timeout" if isinstance(error, httpx.TimeoutException) else "connection"
            raise self._later(started, what) from None
        self.endpoint.answered()
        return answer

    def _body(self, messages: list[dict[str, str]], schema: Mapping[str, Any]) -> dict[str, Any]:
        parameters = {**self.endpoint.parameters(self.model), **self.endpoint.response_format(schema)}
        return {"messages": messages, **parameters}

    def _whole(self, raw: Any, started: float) -> str:
        """The body as text, within a total size and time: the client's timeout limits only each single read."""
        parts, size, end = [], 0, time.monotonic() + self.timeout
        for part in raw.iter_bytes():
            parts.append(part)
            size += len(part)
            if time.monotonic() > end:
                raise self._later(started, "timeout")
            if size > BODY_BYTES:
                break
        return b"".join(parts)[:BODY_BYTES].decode(errors="replace")

    def _misconfigured(self, fault: str, status: int = 0) -> JudgeMisconfigured:
        self.endpoint.fault = fault.format(status=status)
        return JudgeMisconfigured(self.endpoint.fault)

    def _later(self, started: float, what: int | str, seconds: float | None = None) -> Postpone:
        fault = faults.postponed(what, self.timeout)
        self.endpoint.failed(started, self.clock(), fault)
        return Postpone(RETRY_SECONDS if seconds is None else seconds, f"judge_{what}", fault)


def timeout_from(environment: Mapping[str, str]) -> float:
    """GRADUS_JUDGE_TIMEOUT in seconds, from 1 to 600. Raises JudgeMisconfigured for anything else."""
    text = environment.get("GRADUS_JUDGE_TIMEOUT", "").strip()
    if not text:
        return TIMEOUT
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= TIMEOUT_MOST):
        raise JudgeMisconfigured(
            f"GRADUS_JUDGE_TIMEOUT is not a whole number of seconds from 1 to {TIMEOUT_MOST}. Set it to one, such as "
            f"{TIMEOUT:g}, and restart the workers."
        )
    return float(text)


def _usable(answer: _Answer, item: Judge) -> tuple[dict[str, Any] | None, str]:
    """The reply if it has the required form, or None with the reason why it cannot be used."""
    if answer.finish not in ("stop", ""):
        return None, f"unusable ({answer.finish})"
    reply = only_json_object(answer.text)
    if reply is None:
        return None, "unusable (not one JSON object)"
    if not replies.is_usable(reply, item):
        return None, "unusable (not the form that was asked for)"
    return reply, ""


def _fault(answer: _Answer, problem: str) -> str:
    """What staff should know about an answer, or "" if nothing was wrong with it."""
    if problem:
        return faults.unusable(problem, answer.finish == NOT_CHAT)
    return faults.MISCOUNTED if answer.miscounted else ""


def _read(body: str) -> _Answer:
    """The text of the first choice. A body of another form, such as a proxy's HTML page, becomes an unusable answer."""
    try:
        data = json.loads(body)
        choice, usage = data["choices"][0], data.get("usage")
        answer = _Answer(
            text=str(choice["message"].get("content") or ""),
            model=faults.excerpt(str(data.get("model") or "")[:120]),
            finish=_finish(str(choice.get("finish_reason") or "")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return _Answer(body[:BODY_KEPT], "", NOT_CHAT, counted=False)
    return _with_counts(answer, usage)


def _with_counts(answer: _Answer, usage: Any) -> _Answer:
    """The answer with the tokens that the endpoint reports, if both numbers are possible ones."""
    given = usage if isinstance(usage, dict) else {}
    sent, received = (_count(given.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    if not sent or received is None:
        return replace(answer, counted=False, miscounted=bool(usage))
    return replace(answer, prompt_tokens=sent, completion_tokens=received)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _finish(said: str) -> str:
    """The reason why a reply ended, if it is a plain word: terminals and pages show it."""
    return said if re.fullmatch(r"[a-z_]{0,40}", said) else "other"


def _estimate(item: Judge) -> int:
    """A high estimate of the prompt's tokens: one for every three characters."""
    return sum(len(message["content"]) for message in item.messages) // 3


__all__ = ["CallRecord", "JudgeClient", "JudgeMisconfigured", "JudgeStore", "Postpone"]
