"""Runs prompts without an adapter on a base model behind an OpenAI-compatible completions endpoint, such as vLLM.

Only the workers' environment says which models are served where: `GRADUS_REMOTE_ENGINES` holds entries
`model=address[#name at the endpoint]`, separated by commas, and `GRADUS_REMOTE_API_KEY` holds the key. Prompts contain
hidden rows, so no part of a request or a reply may go into the text of an exception.
"""

from __future__ import annotations

import json
import os
import sys
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import takewhile
from threading import Event
from typing import Any

import openai

from graders.base import Generate, Generated, Score, Scored
from workers.engine.stopping import JSON, Stop
from workers.engine.watch import Stopped
from workers.judge import endpoints
from workers.judge.contract import Postpone

CONCURRENCY = 8
ATTEMPTS = 4
BACKOFF_SECONDS = 1.0
TIMEOUT = 60.0
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 5.0
STOPS_MAX = 4

OnEvent = Callable[[dict[str, Any]], None]
ShouldStop = Callable[[], bool]


class EngineMisconfigured(Exception):
    """The endpoint permanently refuses our requests. The message tells staff what to set."""


class EngineSlow(Exception):
    """The endpoint took longer than the time limit of the job."""


@dataclass(frozen=True)
class Served:
    """The address of an endpoint, and the name that the base model has there."""

    base_url: str
    name: str


@dataclass(frozen=True)
class Completion:
    """A reply of the endpoint.

    If the prompt was echoed, `tokens` are the prompt's tokens and `logprobs` their log-probabilities in nats, 0 for the
    first token.
    """

    text: str
    prompt_tokens: int
    new_tokens: int
    tokens: tuple[str, ...] = ()
    logprobs: Sequence[float] = ()

    def logprob_after(self, before: Completion) -> float:
        """log p(this prompt) - log p(`before`) in nats, summed only over the tokens after their common beginning.

        The common tokens have equal log-probabilities up to rounding. The rounding differs from request to request,
        and over a long prompt its sum can exceed the difference between two labels.
        """
        pairs = zip(self.tokens, before.tokens, strict=False)
        start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return sum(self.logprobs[start:]) - sum(before.logprobs[start:])


def served(environment: Mapping[str, str] = os.environ) -> dict[str, Served]:
    """The remotely served models by catalogue name. Raises `EngineMisconfigured` for an entry that cannot be read."""
    models = {}
    for entry in filter(None, (part.strip() for part in environment.get("GRADUS_REMOTE_ENGINES", "").split(","))):
        model, _, address = entry.partition("=")
        base_url, _, name = address.partition("#")
        if not base_url.startswith(("http://", "https://")):
            raise EngineMisconfigured(
                f"GRADUS_REMOTE_ENGINES: write `{model}=https://host/v1`, then restart the workers."
            )
        models[model] = Served(base_url, name or model)
    return models


def engines(environment: Mapping[str, str] = os.environ) -> dict[str, RemoteEngine]:
    """A remote engine for each model of `served`, by catalogue name. Raises what `served` raises."""
    key = environment.get("GRADUS_REMOTE_API_KEY", "")
    return {model: RemoteEngine(where, key) for model, where in served(environment).items()}


class RemoteEngine:
    """Carries out `Score` and `Generate` items on one endpoint with up to `CONCURRENCY` requests at a time."""

    def __init__(self, where: Served, api_key: str, *, timeout: float = TIMEOUT) -> None:
        self.where = where
        self.client = endpoints.client(where.base_url, api_key, timeout)
        self.pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="remote-engine")

    def run(
        self, item: Score | Generate, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float
    ) -> Scored | Generated:
        """Carries out an item within `seconds`; does not wait for open requests once the item has to end.

        Raises:
            Stopped: `should_stop` returned true.
            EngineSlow: `seconds` have passed.
            EngineMisconfigured: the endpoint refuses the request for good.
            Postpone: the endpoint cannot answer now.
        """
        job = _Job(self.pool, item.stage, on_event, should_stop, time.monotonic() + seconds, Event())
        return self._score(item, job) if isinstance(item, Score) else self._generate(item, job)

    def _score(self, item: Score, job: _Job) -> Scored:
        """Computes log p(label | prompt) = log p(prompt + label) - log p(prompt), in nats, from echoed tokens."""
        started = time.perf_counter()
        prompts = [item.prompt + suffix for suffix in item.suffixes]
        wholes = [prompt + label for prompt in prompts for label in item.labels]
        done = job.each(lambda text: self._read(text, job.over), [*prompts, *wholes])
        alone, joined, width = done[: len(prompts)], done[len(prompts) :], len(item.labels)
        logprobs = [
            [joined[n * width + at].logprob_after(before) for at in range(width)] for n, before in enumerate(alone)
        ]
        return Scored(logprobs, [c.prompt_tokens for c in alone], time.perf_counter() - started)

    def _generate(self, item: Generate, job: _Job) -> Generated:
        started, stop = time.perf_counter(), Stop(item.stop)
        prompts = [item.prompt + suffix for suffix in item.suffixes]
        done = job.each(lambda prompt: self._continue(prompt, item, job.over), prompts)
        texts = [completion.text[: stop.end(completion.text)] for completion in done]
        prompt_tokens, new_tokens = [c.prompt_tokens for c in done], [c.new_tokens for c in done]
        return Generated(texts, prompt_tokens, new_tokens, time.perf_counter() - started)

    def _read(self, text: str, over: Event) -> Completion:
        raw = self._post(over, prompt=text, max_tokens=1, echo=True, logprobs=1)
        count = int(raw["usage"]["prompt_tokens"])
        return Completion("", count, 0, *_echoed(raw["choices"][0]["logprobs"], count))

    def _continue(self, text: str, item: Generate, over: Event) -> Completion:
        strings = [string for string in item.stop if string != JSON][:STOPS_MAX]
        raw = self._post(
            over,
            prompt=text,
            max_tokens=item.max_new_tokens,
            **({"stop": strings} if strings else {}),
            **({"extra_body": {"response_format": _format(item.schema)}} if item.schema else {}),
        )
        usage = raw["usage"]
        return Completion(str(raw["choices"][0]["text"]), int(usage["prompt_tokens"]), int(usage["completion_tokens"]))

    def _post(self, over: Event, **body: Any) -> dict[str, Any]:
        """Sends a request up to `ATTEMPTS` times: again after 429, 5xx and a broken connection, until `over` is set."""
        for attempt in range(1, ATTEMPTS + 1):
            if over.is_set():
                raise Stopped
            pause = BACKOFF_SECONDS * 2 ** (attempt - 1)
            try:
                raw: Any = self.client.completions.create(model=self.where.name, temperature=0, **body)
                reply: dict[str, Any] = raw.model_dump()
                return reply
            except openai.APIConnectionError:
                code = "engine_connection"
            except openai.APIStatusError as error:
                if error.status_code != 429 and error.status_code < 500:
                    raise EngineMisconfigured(_refused(error.status_code)) from None
                pause, code = _asked(error) or pause, f"engine_{error.status_code}"
            if attempt == ATTEMPTS or pause > PATIENCE_SECONDS:
                raise Postpone(max(pause, 1.0), code) from None
            over.wait(pause)
        raise AssertionError("unreachable")


def _format(schema: str) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(schema)}}


def _echoed(logprobs: dict[str, Any], count: int) -> tuple[tuple[str, ...], Sequence[float]]:
    """The first `count` tokens and their log-probabilities. Raises `ValueError` or `TypeError` for an invalid reply.

    Equal tokens share one string, and the log-probabilities are an array of doubles, to save memory: a job can hold a
    thousand prompts of a thousand tokens.
    """
    pairs = list(zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True))
    if not 0 < count <= len(pairs):
        raise ValueError("not all tokens were echoed")
    tokens, values = zip(*pairs[:count], strict=True)
    return tuple(map(sys.intern, tokens)), array("d", [values[0] or 0.0, *values[1:]])


def _asked(error: openai.APIStatusError) -> float:
    asked = error.response.headers.get("retry-after", "")
    return float(asked) if asked.isdigit() else 0.0


def _refused(status: int) -> str:
    too_long = (
        " Or the endpoint serves a shorter context than the model has in our catalogue: raise it there (vLLM: "
        "--max-model-len)."
    )
    return (
        f"The remote engine refuses our requests ({status}). GRADUS_REMOTE_ENGINES must name an OpenAI-compatible "
        "address with /completions that echoes tokens and log-probabilities, and the model's name there; "
        f"GRADUS_REMOTE_API_KEY must be its key. Fix both and restart the workers.{too_long if status == 400 else ''}"
    )


@dataclass(frozen=True)
class _Job:
    pool: ThreadPoolExecutor
    stage: str
    on_event: OnEvent
    should_stop: ShouldStop
    end: float
    over: Event

    def each(self, ask: Callable[[str], Completion], texts: Sequence[str]) -> list[Completion]:
        """The answers in the order of `texts`; equal texts are sent once."""
        asked = {text: self.pool.submit(_understood, ask, text) for text in dict.fromkeys(texts)}
        try:
            self._watch(set(asked.values()))
        finally:
            # In this order: a request that starts in between checks `over` first.
            self.over.set()
            for future in asked.values():
                future.cancel()
        return [asked[text].result() for text in texts]

    def _watch(self, open_: set[Future[Completion]]) -> None:
        total = len(open_)
        while open_:
            done, open_ = wait(open_, POLL_SECONDS, FIRST_COMPLETED)
            if self.should_stop():
                raise Stopped
            for future in done:
                future.result()
            # Also if all answers have come, but late: otherwise the next item would time out, at the learner's cost.
            if time.monotonic() > self.end:
                raise EngineSlow
            self.on_event({"type": "progress", "stage": self.stage, "done": total - len(open_), "total": total})


def _understood(ask: Callable[[str], Completion], text: str) -> Completion:
    try:
        return ask(text)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise EngineMisconfigured(_refused(200)) from None
