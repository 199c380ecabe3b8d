"""The requests of one work item: at most `CONCURRENCY` at a time for each engine, given up once the item has to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, TypeVar
from uuid import uuid4

from graders.base import Generate, Score
from workers.engine.watch import FinalRows, RowValue, Stopped, Watch
from workers.remote.adapters import Lent
from workers.remote.calls import EngineMisconfigured, EngineSlow, Refused, Server, refusal

POLL_SECONDS = 0.5

Choice = dict[str, Any]
Task = TypeVar("Task")
Reply = TypeVar("Reply")
Tell = Callable[[], None]


@dataclass
class Job:
    """One item while it is carried out. With `lent` its requests go to that adapter."""

    server: Server
    pool: ThreadPoolExecutor
    item: Score | Generate
    watch: Watch
    end: float
    attempts: int
    over: Event = field(default_factory=lambda: Event())
    # No two items share what the server keeps of prompts: one adapter's keys and values never serve another one.
    salt: str = field(default_factory=lambda: uuid4().hex)
    lent: Lent | None = None
    sent: list[Future[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._final = FinalRows(self.watch, self.item.stage)

    def tell(self, rows: Mapping[int, RowValue]) -> None:
        """Reports rows of this item whose values are final."""
        self._final.tell(rows)

    def ask_all(
        self,
        calls: Sequence[Task],
        body: Callable[[Task], Mapping[str, Any]],
        take: Callable[[Task, list[Choice]], Tell],
        *,
        lead: int,
    ) -> None:
        """Sends the requests, the first `lead` of them before all others, and calls `take` with what comes, and then
        what `take` returns. Only an error in `take` is the server's.
        """
        ask = partial(self._answer, body)
        parts = [calls[:lead], calls[lead:]]
        rows, prompts, done = len(self.item.suffixes), sum(len(body(call)["prompt"]) for call in calls), 0
        for part in parts:
            for number, choices in self._as_they_come(ask, part):
                understood(take, part[number], choices)()
                done += len(choices)
                self.watch.progress(self.item.stage, rows * done // prompts, rows)

    def each(self, ask: Callable[[Task], Reply], tasks: Sequence[Task]) -> None:
        """Carries out the tasks in the pool, and waits for them as for requests."""
        for _ in self._as_they_come(ask, tasks):
            pass

    def _answer(self, body: Callable[[Task], Mapping[str, Any]], task: Task) -> list[Choice]:
        wanted = body(task)
        lent, loads = self.lent, self.lent.loads if self.lent else 0
        fixed = {"temperature": 0, "repetition_penalty": 1.0, "add_special_tokens": False, "cache_salt": self.salt}
        name = lent.name if lent else self.server.where.name
        while True:
            try:
                reply = self.server.post(
                    "/completions", {"model": name, **fixed, **wanted}, self.over, attempts=self.attempts
                )
                return understood(_choices, reply, len(wanted["prompt"]))
            except Refused as refused:
                if lent is None or refused.status != 404:
                    raise EngineMisconfigured(refusal(refused.status)) from None
            # The server has forgotten the adapter, for example because it was restarted.
            lent.load(self.server, self.over, loads)
            loads = lent.loads

    def _as_they_come(self, ask: Callable[[Task], Reply], tasks: Sequence[Task]) -> Iterator[tuple[int, Reply]]:
        """The replies, each with its task's number, as they come.

        Raises `Stopped`, `EngineSlow` and what `ask` raises, without waiting for requests that are open.
        """
        numbers: dict[Future[Reply], int] = {self.pool.submit(ask, task): n for n, task in enumerate(tasks)}
        open_ = set(numbers)
        self.sent += numbers
        try:
            while open_:
                done, open_ = wait(open_, POLL_SECONDS, FIRST_COMPLETED)
                if self.watch.should_stop():
                    raise Stopped
                replies = [(numbers[future], future.result()) for future in done]
                # Also if all answers have come, but late: else the next item would time out, at the learner's cost.
                if time.monotonic() > self.end:
                    raise EngineSlow
                yield from replies
        finally:
            for future in open_:
                future.cancel()


def _choices(reply: Any, count: int) -> list[Choice]:
    """The choices of a reply, one for each of `count` prompts, in their order."""
    choices = sorted(reply["choices"], key=lambda choice: choice["index"])
    if [choice["index"] for choice in choices] != list(range(count)):
        raise ValueError("not one choice for each prompt")
    return choices


def understood(read: Callable[..., Reply], *given: Any) -> Reply:
    """What `read` makes of a reply. Raises `EngineMisconfigured` for one that has another form, and quotes nothing."""
    try:
        return read(*given)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise EngineMisconfigured(refusal(200)) from None
