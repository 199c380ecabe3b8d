"""Carries out work items on a base model that a vLLM server computes, with the adapters that were trained here.

Only the workers' environment says which models are served where: `GRADUS_REMOTE_ENGINES` holds entries
`model=address[#name on the server]`, separated by commas, `GRADUS_REMOTE_API_KEY` holds the key, and
`GRADUS_REMOTE_ADAPTERS` the folder for adapters. Prompts are sent as token ids, as our own tokenizer reads them.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import Any

from graders.base import BASE, TRAINED, Generate, Generated, Rejected, Score, Scored
from workers.engine.stopping import JSON, Stop
from workers.engine.watch import Watch
from workers.remote.adapters import NEXT, TURN, Folder
from workers.remote.calls import ATTEMPTS, TIMEOUT, EngineMisconfigured, Served, Server
from workers.remote.job import Choice, Job, Tell
from workers.sandbox.written_tokens import RIVALS, piece
from workers.tokenising import Reader, Trie, common_tokens, tokenise

CONCURRENCY = 8
STOPS_MAX = 4
# What one request holds at most. A single prompt always fits.
CALL_PROMPTS, CALL_TOKENS = 32, 32768
# vLLM returns the log-probabilities of so many tokens at most.
LABEL_TOKENS_MOST = 128
# From so many shared tokens on, the server reads one prompt first, so that all others find its beginning computed.
SHARED_TOKENS = 128
EVENT_TOKENS = 128
TURN_SECONDS = 0.1
# vLLM writes nothing below -9999.
LOGPROB_MOST = 10_000.0
ROUNDING = 0.001

OnEvent = Callable[[dict[str, Any]], None]
ShouldStop = Callable[[], bool]
Prompt = tuple[int, ...]


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


def engines(models_dir: Path, environment: Mapping[str, str] = os.environ) -> dict[str, RemoteEngine]:
    """A remote engine for each model of `served`, by catalogue name. Raises what `served` raises."""
    key, folder = environment.get("GRADUS_REMOTE_API_KEY", ""), Folder.of(environment.get("GRADUS_REMOTE_ADAPTERS", ""))
    return {model: RemoteEngine(where, key, models_dir / model, folder) for model, where in served(environment).items()}


class RemoteEngine:
    """Carries out `Score` and `Generate` items of one base model on one server, `CONCURRENCY` requests at a time.

    `model` is the folder with the model's tokenizer. Adapters are lent to the server through `folder`; without one,
    items with adapters are for the runner.
    """

    def __init__(
        self, where: Served, api_key: str, model: Path, folder: Folder | None = None, *, timeout: float = TIMEOUT
    ) -> None:
        self.server = Server(where, api_key, timeout)
        self.folder = folder
        # Seconds in which items have waited for their turn so far, which are no work of theirs.
        self.waited = 0.0
        self.pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="remote-engine")
        # What carries out the ends of items that did not wait for their requests.
        self.ends = ThreadPoolExecutor(thread_name_prefix="remote-engine-end")
        self._model = model

    @cached_property
    def reader(self) -> Reader:
        """How the base model reads texts. Raises `EngineMisconfigured` where this machine lacks its tokenizer."""
        try:
            return Reader.of(self._model)
        except Exception:  # any error: a tokenizer's file is read by tokenizers, which raises no other type
            name = self._model.name
            raise EngineMisconfigured(
                f"This worker does not hold the tokenizer of {name}, with which prompts for the remote engine are "
                f"written. Run `manage.py fetch_models {name}`, or copy tokenizer.json and config.json of its folder."
            ) from None

    def close(self) -> None:
        """Ends the connections, once the requests that are open have ended and no adapter of ours is loaded."""
        self.pool.shutdown()
        self.ends.shutdown()
        self.server.client.close()

    def takes(self, adapter: str) -> bool:
        """Whether items with the adapter in this folder can be carried out here."""
        return self.folder is not None and self.folder.takes(adapter)

    def run(
        self,
        item: Score | Generate,
        *,
        on_event: OnEvent,
        should_stop: ShouldStop,
        seconds: float,
        attempts: int = ATTEMPTS,
    ) -> Scored | Generated:
        """Carries out an item within `seconds`; does not wait for open requests once the item has to end.

        Raises:
            Rejected: a prompt is longer than the model reads.
            Stopped: `should_stop` returned true.
            EngineSlow: `seconds` have passed.
            EngineMisconfigured: the server refuses the request for good, or an adapter.
            Postpone: the server cannot answer now.
        """
        watch = Watch(on_event, should_stop)
        after = ExitStack()
        self._take_turn(watch, after)
        job = Job(self.server, self.pool, item, watch, time.monotonic() + seconds, attempts)
        try:
            if item.adapter is not None and self.folder is not None:
                job.lent = after.enter_context(self.folder.lend(Path(item.adapter), self._model))
                after.callback(job.lent.unload, self.server)
                job.each(lambda lent: lent.load(self.server, job.over), [job.lent])
            return self._score(item, job) if isinstance(item, Score) else self._generate(item, job)
        finally:
            # A request that starts from now on is not sent.
            job.over.set()
            if all(one.done() for one in job.sent):
                after.close()
            else:
                self.ends.submit(_end, job, after)

    def _take_turn(self, watch: Watch, after: ExitStack) -> None:
        """Waits until no other worker asks the servers of the shared folder, if there is one, and then that none does
        until the end of `after`.
        """
        if self.folder is None:
            return
        try:
            with ExitStack() as queue:
                queue.callback(os.close, self._lock(NEXT, watch))
                after.callback(os.close, self._lock(TURN, watch))
        except OSError as error:
            raise self.folder.fault(error) from None

    def _lock(self, name: str, watch: Watch) -> int:
        assert self.folder is not None
        paused = Event()
        while (lock := self.folder.lock(name)) is None:
            began = time.monotonic()
            watch.check()
            paused.wait(TURN_SECONDS)
            self.waited += time.monotonic() - began
        return lock

    def _score(self, item: Score, job: Job) -> Scored:
        """Asks for the log-probability of each label's tokens, after the prompt and after the label's own beginning."""
        started = time.perf_counter()
        contexts, tries, counts = tokenise(self.reader, item)
        rows = [_Reads.of(context, trie) for context, trie in zip(contexts, tries, strict=True)]
        found: dict[Prompt, dict[int, float]] = {}
        waiting = dict(enumerate(rows))

        def take(call: _Labels, choices: list[Choice]) -> Tell:
            for prompt, choice in zip(call.prompts, choices, strict=True):
                found.setdefault(prompt, {}).update(_top(choice["logprobs"]["top_logprobs"][0], call.tokens))
            ready = [n for n, row in waiting.items() if row.is_in(found)]
            return partial(job.tell, {n: waiting.pop(n).sums(found) for n in ready})

        calls = _label_calls(rows)
        if lead := _lead([prompt for call in calls for prompt in call.prompts]):
            first = calls[0]
            halves = [replace(first, prompts=part) for part in (first.prompts[:1], first.prompts[1:]) if part]
            calls = [*halves, *calls[1:]]
        job.ask_all(calls, lambda call: call.body, take, lead=lead)
        return Scored([row.sums(found) for row in rows], counts, time.perf_counter() - started)

    def _generate(self, item: Generate, job: Job) -> Generated:
        started, reader = time.perf_counter(), self.reader
        contexts = [context or [reader.eos] for context in reader.encode_after(item.prompt, item.suffixes)]
        longest = max(map(len, contexts)) + item.max_new_tokens
        if longest > reader.context:
            raise Rejected("prompt_too_long", f"{longest} tokens; the model reads at most {reader.context}")
        is_chat = item.stage in (BASE, TRAINED)
        body = _generation(item, is_chat=is_chat)
        prompts = list(dict.fromkeys(map(tuple, contexts)))
        said: dict[Prompt, tuple[str, int]] = {}

        def take(call: list[Prompt], choices: list[Choice]) -> Tell:
            events: list[dict[str, Any]] = []
            for prompt, choice in zip(call, choices, strict=True):
                said[prompt] = _said(reader, choice, Stop(item.stop))
                events += _tokens(reader, choice, said[prompt][1]) if is_chat else []
            rows = {n: said[at][0] for n, context in enumerate(contexts) if (at := tuple(context)) in said}

            def tell() -> None:
                for event in events:
                    job.watch.on_event(event)
                job.tell(rows)

            return tell

        lead = _lead(prompts)
        calls = [*_batches(prompts[:lead]), *_batches(prompts[lead:])]
        job.ask_all(calls, lambda call: {**body, "prompt": list(map(list, call))}, take, lead=lead)
        texts, new = zip(*(said[tuple(context)] for context in contexts), strict=True)
        return Generated(list(texts), [len(one) for one in contexts], list(new), time.perf_counter() - started)


def _end(job: Job, after: ExitStack) -> None:
    """Ends what an item began once all that was sent has ended: the server may go on with what nobody waits for, and
    then load an adapter that was taken from it before.
    """
    wait(job.sent)
    after.close()


@dataclass(frozen=True)
class _Reads:
    """What a row needs: for each label, the prompts after which its tokens are read, each with its token."""

    labels: tuple[tuple[tuple[Prompt, int], ...], ...]

    @classmethod
    def of(cls, context: Sequence[int], trie: Trie) -> _Reads:
        def before(node: int) -> Prompt:
            return (*context, *(trie.tokens[one] for one in reversed(trie.lineage(node))))

        return cls(tuple(tuple((before(node), token) for node, token in reads) for reads in trie.reads))

    def is_in(self, found: Mapping[Prompt, Mapping[int, float]]) -> bool:
        return all(token in found.get(prompt, ()) for label in self.labels for prompt, token in label)

    def sums(self, found: Mapping[Prompt, Mapping[int, float]]) -> list[float]:
        return [sum(found[prompt][token] for prompt, token in label) for label in self.labels]


@dataclass(frozen=True)
class _Labels:
    """A request for the log-probabilities of the same tokens after several prompts."""

    prompts: list[Prompt]
    tokens: tuple[int, ...]

    @property
    def body(self) -> dict[str, Any]:
        wanted = {"logprob_token_ids": list(self.tokens), "logprobs": len(self.tokens)}
        return {"prompt": list(map(list, self.prompts)), "max_tokens": 1, **wanted, "return_tokens_as_token_ids": True}


def _label_calls(rows: Sequence[_Reads]) -> list[_Labels]:
    """The requests for all labels of all rows; equal prompts are sent once."""
    wanted: dict[Prompt, dict[int, None]] = {}
    for prompt, token in (read for row in rows for label in row.labels for read in label):
        wanted.setdefault(prompt, {})[token] = None
    alike: dict[tuple[int, ...], list[Prompt]] = {}
    for prompt, tokens in wanted.items():
        listed = sorted(tokens)
        for at in range(0, len(listed), LABEL_TOKENS_MOST):
            alike.setdefault(tuple(listed[at : at + LABEL_TOKENS_MOST]), []).append(prompt)
    return [_Labels(batch, tokens) for tokens, prompts in alike.items() for batch in _batches(prompts)]


def _batches(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """The prompts of each request."""
    made: list[list[Prompt]] = []
    for prompt in prompts:
        is_full = not made or len(made[-1]) == CALL_PROMPTS or sum(map(len, made[-1])) + len(prompt) > CALL_TOKENS
        made += [[]] if is_full else []
        made[-1].append(prompt)
    return made


def _lead(prompts: Sequence[Prompt]) -> int:
    """How many of the prompts the server reads before all others: one, if they have a long beginning in common."""
    return int(len(prompts) > 1 and common_tokens(list(map(list, prompts))) >= SHARED_TOKENS)


def _generation(item: Generate, *, is_chat: bool) -> dict[str, Any]:
    strings = [string for string in item.stop if string != JSON][:STOPS_MAX]
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(item.schema or "{}")}}
    return {
        "max_tokens": item.max_new_tokens,
        "return_token_ids": True,
        **({"stop": strings} if strings else {}),
        **({"response_format": schema} if item.schema else {}),
        **({"logprobs": RIVALS, "return_tokens_as_token_ids": True} if is_chat else {}),
    }


def _said(reader: Reader, choice: Choice, stop: Stop) -> tuple[str, int]:
    """The text as our own engine would end it, and how many new tokens it took."""
    ids = [int(token) for token in choice["token_ids"]]
    # vLLM names a stop string that it has met. Where it stops without one, the last token is the end of the text.
    if choice["finish_reason"] == "stop" and not isinstance(choice.get("stop_reason"), str):
        ids = ids[:-1]
    text = reader.decode(ids)
    if stop.end(text) is None:
        return text, len(ids)
    count = next(n for n in range(1, len(ids) + 1) if stop.end(reader.decode(ids[:n])) is not None)
    text = reader.decode(ids[:count])
    return text[: stop.end(text)], count


def _tokens(reader: Reader, choice: Choice, count: int) -> list[dict[str, Any]]:
    """The events about an answer's tokens, as of our own engine: text, probability, and what else was likely."""
    said = [int(token) for token in choice["token_ids"][:count]]
    tokens = []
    for n, (token, top) in enumerate(zip(said, choice["logprobs"]["top_logprobs"], strict=False)):
        shares = {_id(name): round(math.exp(_logprob(value)), 4) for name, value in top.items()}
        rivals = sorted(shares.items(), key=lambda pair: -pair[1])[:RIVALS]
        likely = [[reader.decode([rival]), share] for rival, share in rivals]
        tokens.append([piece(reader, said, n), shares[token], likely])
    starts = range(0, len(tokens), EVENT_TOKENS)
    return [{"type": "tokens", "at": at, "tokens": tokens[at : at + EVENT_TOKENS]} for at in starts]


def _top(top: Mapping[str, float], tokens: Sequence[int]) -> dict[int, float]:
    found = {_id(name): _logprob(value) for name, value in top.items()}
    return {token: found[token] for token in tokens}


def _logprob(value: float) -> float:
    """A log-probability, which is finite and at most 0, but for rounding. Raises ValueError for another number."""
    if not -LOGPROB_MOST <= value <= ROUNDING:
        raise ValueError("not a log-probability")
    return float(value)


def _id(name: str) -> int:
    """A token's id, which vLLM writes as `token_id:N`."""
    return int(name.removeprefix("token_id:"))
