"""Base models behind an OpenAI-compatible completions endpoint (vLLM and the like), for prompts without an adapter.

Which models are served where comes from staff's environment only: `GRADUS_REMOTE_ENGINES` holds
`model=address[#name there]` entries, separated by commas, `GRADUS_REMOTE_API_KEY` the key. Prompts hold hidden rows,
so nothing of a request or a reply goes into an exception's text.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import openai

from graders.base import Generate, Generated, Score, Scored
from workers import endpoints
from workers.engine.stopping import JSON, Stop
from workers.engine.watch import Stopped
from workers.judge_contract import Postpone

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
    """The endpoint refuses us for good. The message tells staff what to set."""


@dataclass(frozen=True)
class Served:
    """A base model's address, and what it is called there."""

    base_url: str
    name: str


@dataclass(frozen=True)
class Completion:
    """`logprob` is the sum over the prompt's tokens but the first, in nats, where it was asked for."""

    text: str
    prompt_tokens: int
    new_tokens: int
    logprob: float = 0.0


def served(environment: Mapping[str, str] = os.environ) -> dict[str, Served]:
    """Served models by catalogue name. Raises `EngineMisconfigured` for an entry that cannot be read."""
    found = {}
    for entry in filter(None, (part.strip() for part in environment.get("GRADUS_REMOTE_ENGINES", "").split(","))):
        model, _, address = entry.partition("=")
        base_url, _, name = address.partition("#")
        if not base_url.startswith(("http://", "https://")):
            raise EngineMisconfigured(
                f"GRADUS_REMOTE_ENGINES: write `{model}=https://host/v1`, then restart the workers."
            )
        found[model] = Served(base_url, name or model)
    return found


def engines(environment: Mapping[str, str] = os.environ) -> dict[str, RemoteEngine]:
    """An engine for each model of `served`, with the key of the environment. Raises what `served` raises."""
    key = environment.get("GRADUS_REMOTE_API_KEY", "")
    return {model: RemoteEngine(where, key) for model, where in served(environment).items()}


class RemoteEngine:
    """Carries out `Score` and `Generate` items on one endpoint, several requests at a time."""

    def __init__(self, where: Served, api_key: str, *, timeout: float = TIMEOUT) -> None:
        self.where = where
        self.client = endpoints.client(where.base_url, api_key, timeout)

    def run(
        self, item: Score | Generate, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float
    ) -> Scored | Generated:
        """Within `seconds`. Raises `Stopped`, `EngineMisconfigured`, `Postpone` where there is no answer now."""
        end = time.monotonic() + seconds
        job = _Job(item.stage, on_event, should_stop, end)
        return self._score(item, job) if isinstance(item, Score) else self._generate(item, job)

    def _score(self, item: Score, job: _Job) -> Scored:
        """log p(label | prompt) = log p(prompt + label) - log p(prompt), each summed over echoed tokens."""
        started = time.perf_counter()
        prompts = [item.prompt + suffix for suffix in item.suffixes]
        wholes = [prompt + label for prompt in prompts for label in item.labels]
        done = job.each(self._read, [*prompts, *wholes])
        alone, joined, width = done[: len(prompts)], done[len(prompts) :], len(item.labels)
        logprobs = [
            [joined[n * width + at].logprob - before.logprob for at in range(width)] for n, before in enumerate(alone)
        ]
        return Scored(logprobs, [c.prompt_tokens for c in alone], time.perf_counter() - started)

    def _generate(self, item: Generate, job: _Job) -> Generated:
        started, stop = time.perf_counter(), Stop(item.stop)
        prompts = [item.prompt + suffix for suffix in item.suffixes]
        done = job.each(lambda prompt: self._continue(prompt, item), prompts)
        texts = [completion.text[: stop.end(completion.text)] for completion in done]
        prompt_tokens, new_tokens = [c.prompt_tokens for c in done], [c.new_tokens for c in done]
        return Generated(texts, prompt_tokens, new_tokens, time.perf_counter() - started)

    def _read(self, text: str) -> Completion:
        raw = self._post(prompt=text, max_tokens=1, echo=True, logprobs=1)
        count = int(raw["usage"]["prompt_tokens"])
        values = raw["choices"][0]["logprobs"]["token_logprobs"][:count]
        return Completion("", count, 0, sum(value for value in values if value is not None))

    def _continue(self, text: str, item: Generate) -> Completion:
        strings = [string for string in item.stop if string != JSON][:STOPS_MAX]
        raw = self._post(
            prompt=text,
            max_tokens=item.max_new_tokens,
            **({"stop": strings} if strings else {}),
            **({"extra_body": {"response_format": _format(item.schema)}} if item.schema else {}),
        )
        usage = raw["usage"]
        return Completion(str(raw["choices"][0]["text"]), int(usage["prompt_tokens"]), int(usage["completion_tokens"]))

    def _post(self, **body: Any) -> dict[str, Any]:
        """One request, tried again after 429, 5xx and broken connections, `ATTEMPTS` times in all."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                raw: Any = self.client.completions.create(model=self.where.name, temperature=0, **body)
                reply: dict[str, Any] = raw.model_dump()
                return reply
            except openai.APIConnectionError:
                pause, code = BACKOFF_SECONDS * 2**attempt, "engine_connection"
            except openai.APIStatusError as error:
                if error.status_code != 429 and error.status_code < 500:
                    raise EngineMisconfigured(_refused(error.status_code)) from None
                pause, code = _pause(error, attempt), f"engine_{error.status_code}"
            if attempt == ATTEMPTS or pause > PATIENCE_SECONDS:
                raise Postpone(max(pause, 1.0), code) from None
            time.sleep(pause)
        raise AssertionError("unreachable")


def _format(schema: str) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(schema)}}


def _pause(error: openai.APIStatusError, attempt: int) -> float:
    asked = error.response.headers.get("retry-after", "")
    return float(asked) if asked.isdigit() else BACKOFF_SECONDS * 2**attempt


def _refused(status: int) -> str:
    return (
        f"The remote engine refuses our requests ({status}). GRADUS_REMOTE_ENGINES must name an OpenAI-compatible "
        "address with /completions that echoes log-probabilities, and the model's name there; GRADUS_REMOTE_API_KEY "
        "its key. Mend them and restart the workers."
    )


@dataclass(frozen=True)
class _Job:
    stage: str
    on_event: OnEvent
    should_stop: ShouldStop
    end: float

    def each(self, ask: Callable[[str], Completion], texts: Sequence[str]) -> list[Completion]:
        """Answers in the order of `texts`; equal texts are asked once."""
        with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="remote-engine") as pool:
            asked = {text: pool.submit(_understood, ask, text) for text in dict.fromkeys(texts)}
            try:
                self._watch(set(asked.values()))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [asked[text].result() for text in texts]

    def _watch(self, open_: set[Future[Completion]]) -> None:
        total = len(open_)
        while open_:
            if self.should_stop():
                raise Stopped
            if time.monotonic() > self.end:
                raise Postpone(1.0, "engine_slow")
            done, open_ = wait(open_, POLL_SECONDS, FIRST_COMPLETED)
            for future in done:
                future.result()
            self.on_event({"type": "progress", "stage": self.stage, "done": total - len(open_), "total": total})


def _understood(ask: Callable[[str], Completion], text: str) -> Completion:
    try:
        return ask(text)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise EngineMisconfigured(_refused(200)) from None
