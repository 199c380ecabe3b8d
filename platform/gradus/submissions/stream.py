"""Streams the events of an evaluation from the event table as server-sent events, for the pages and the API.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. The `id` of an event is its number within its
evaluation, so a client that sends `Last-Event-ID` (or `?after=`) gets exactly the events that it has not seen.

While details of an attempt are withheld, its stream has only the event that it has ended, under the number 1, because
the number of events could tell something of the grade. While the grade is withheld, that event does not tell the state.

The database is polled twice a second for all open streams of a web process together, however many there are. An event
whose data cannot be read is sent without data, as `unreadable`, and an evaluation that cannot be looked at ends only
its own streams.
"""

from __future__ import annotations

import asyncio
import functools
import json
import operator
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from gradus.stored_json import is_unreadable
from gradus.submissions.delays import Delay, put_back, without_worker, workers_of
from gradus.submissions.models import Evaluation, Event, Run, Submission
from gradus.submissions.queue import positions, seconds_each, wait_at
from gradus.submissions.states import State
from gradus.validators import whole_number

log = structlog.get_logger(__name__)
POLL_SECONDS = 0.5
# Queue positions are counted again at most this often, because each claim changes all of them.
POSITIONS_SECONDS = 2.0
# SQLite allows expressions of at most 1,000 levels.
CONDITIONS = 400
HEARTBEAT_SECONDS = 15
# A stream ends after one hour. The browser then connects again by itself, with the number of the last event it saw.
LONGEST_SECONDS = 3600
EventRow = tuple[int, str, dict[str, Any]]


def response(request: HttpRequest, owner: Submission | Run) -> HttpResponseBase:
    """Returns the stream of the current evaluation for its learner.

    It is 204, which tells the browser to stop asking, if the client has seen all events.
    """
    after = seen(request)
    if isinstance(owner, Submission):
        evaluation, last = owner.current_for_staff, 1 if owner.details_withheld else None
    else:
        evaluation, last = owner.current, None
    if not evaluation.is_open and after and after >= (last or last_seq(evaluation.pk)):
        return HttpResponse(status=204)
    stream = StreamingHttpResponse(follow(evaluation.pk, after), content_type="text/event-stream")
    stream["Cache-Control"] = "no-cache, no-transform"
    stream["X-Accel-Buffering"] = "no"
    return stream


def seen(request: HttpRequest) -> int:
    """Returns the number of the last event that the client has seen, or 0 if it has seen none."""
    return whole_number(request.headers.get("Last-Event-ID") or request.GET.get("after")) or 0


def last_seq(evaluation_id: int) -> int:
    last = Event.objects.filter(evaluation_id=evaluation_id).order_by("-seq").values_list("seq", flat=True).first()
    return last or 0


async def follow(evaluation_id: int, after: int = 0) -> AsyncGenerator[bytes, None]:
    """Yields the events after number `after` as they happen, until the evaluation ends.

    A `state` event comes first, and again whenever the state changes. The stream ends early if the database does not
    answer; the browser then connects again with the number of the last event it saw.
    """
    all_streams, me = of_this_loop(), Follower(evaluation_id, after)
    look: Look | None = await all_streams.first(evaluation_id, after)
    state: dict[str, Any] | None = None
    end, spoken = time.monotonic() + LONGEST_SECONDS, time.monotonic()
    all_streams.join(me)
    try:
        while look is not None and time.monotonic() < end:
            parts = [] if look.state == state else [line("state", look.state)]
            state = look.state
            parts += [line(kind, data, seq) for seq, kind, data in look.events]
            me.after = look.events[-1][0] if look.events else me.after
            if not parts and time.monotonic() - spoken >= HEARTBEAT_SECONDS:
                parts = [b": alive\n" + line("heartbeat", {})]
            if parts:
                spoken = time.monotonic()
                yield b"".join(parts)
            if not look.is_open:
                return
            look = await me.next()
    finally:
        all_streams.leave(me)


def line(kind: str, data: dict[str, Any], seq: int | None = None) -> bytes:
    """Formats one server-sent event. `state` and `heartbeat` have no id, because they are not sent again."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


@dataclass(frozen=True)
class Look:
    """What one poll found about an evaluation. `events` are those after the number that was asked for."""

    state: dict[str, Any]
    events: list[EventRow]
    is_open: bool


@dataclass(frozen=True)
class Waits:
    """The queue position of an evaluation, its expected wait in seconds, and why it waits longer than others."""

    position: int | None = None
    seconds: int | None = None
    delay: Delay | None = None


GONE = Look({"status": "expired"}, [], is_open=False)


class QueuePositions:
    """What evaluations that are queued wait for, looked up at most every `POSITIONS_SECONDS`."""

    def __init__(self) -> None:
        self.due = 0.0
        self.known: dict[int, Waits] = {}

    def of(self, waiting: list[Evaluation]) -> dict[int, Waits]:
        """Returns queue position, expected wait and whether no worker is free, by id. New evaluations count at once."""
        if time.monotonic() >= self.due:
            self.known = _placed(waiting)
            self.due = time.monotonic() + POSITIONS_SECONDS
        elif new := [evaluation for evaluation in waiting if evaluation.pk not in self.known]:
            self.known |= _placed(new)
        return self.known


def _placed(waiting: list[Evaluation]) -> dict[int, Waits]:
    workers = workers_of(waiting)
    why = without_worker(waiting, workers)
    lanes: dict[str, list[int]] = defaultdict(list)
    for evaluation in waiting:
        lanes[evaluation.lane].append(evaluation.pk)
    postponed = {evaluation.pk for evaluation in waiting if evaluation.postponed_since is not None}
    placed: dict[int, Waits] = {}
    for lane, ids in lanes.items():
        each = seconds_each(lane, workers[lane])
        placed |= {
            pk: Waits(position, None if pk in postponed else wait_at(position, each), why.get(pk))
            for pk, position in positions(lane, ids).items()
        }
    return placed


def look_at(wanted: Mapping[int, int], places: QueuePositions | None = None) -> dict[int, Look]:
    """Returns, by id, the state and the new events of evaluations.

    `wanted` maps the id of an evaluation to the number of the last event that is known. States are read before events:
    an evaluation that has ended by then has written its last event.
    """
    own = ("pk", "state", "lane", "postponed_since", "created_at")
    fields = (*own, "submission__grade_withheld", "submission__details_withheld")
    found = Evaluation.objects.filter(pk__in=wanted).select_related("submission").only(*fields)
    evaluations = {one.pk: one for one in found}
    waiting = [one for one in evaluations.values() if one.state == State.QUEUED]
    placed = (places or QueuePositions()).of(waiting)
    events, why = _events(wanted), put_back(evaluations.values())

    def waits(evaluation: Evaluation) -> Waits:
        queued = placed.get(evaluation.pk) if evaluation.state == State.QUEUED else None
        return replace(queued or Waits(), delay=why.get(evaluation.pk) or (queued.delay if queued else None))

    return {
        pk: _look(evaluations[pk], after, events[pk], waits(evaluations[pk])) if pk in evaluations else GONE
        for pk, after in wanted.items()
    }


def _look_in_thread(wanted: Mapping[int, int], places: QueuePositions | None = None) -> dict[int, Look]:
    """Runs `look_at` in a thread without a request, so it has to close stale connections itself."""
    close_old_connections()
    try:
        return look_at(wanted, places)
    finally:
        close_old_connections()


def _events(wanted: Mapping[int, int]) -> dict[int, list[EventRow]]:
    """Returns the new events by evaluation. Waiting evaluations have none, so most are asked for in one condition."""
    events: dict[int, list[EventRow]] = defaultdict(list)
    new = [Q(evaluation_id__in=[pk for pk, after in wanted.items() if not after])]
    new += [Q(evaluation_id=pk, seq__gt=after) for pk, after in wanted.items() if after]
    for at in range(0, len(new), CONDITIONS):
        rows = Event.objects.filter(functools.reduce(operator.or_, new[at : at + CONDITIONS]))
        rows = rows.order_by("evaluation_id", "seq")
        for pk, seq, kind, data in rows.values_list("evaluation_id", "seq", "type", "data"):
            events[pk].append(_readable(pk, seq, kind, data))
    return events


def _readable(pk: int, seq: int, kind: str, data: dict[str, Any]) -> EventRow:
    if not is_unreadable(data):
        return seq, kind, data
    log.error("event_unreadable", evaluation=pk, number=seq, type=kind)
    # Its number is sent, so that clients do not ask for it again.
    return seq, kind if kind == "finished" else "unreadable", {}


def _look(evaluation: Evaluation, after: int, events: list[EventRow], waits: Waits) -> Look:
    submission = evaluation.submission
    if submission is not None and submission.details_withheld:
        return _withheld(evaluation, submission, after, events, waits)
    if not evaluation.is_open and not events and not after:
        # Old events are deleted after a while. The stream still ends with the event that the evaluation has ended.
        events = [(1, "finished", {"status": evaluation.state})]
    return Look(_state(evaluation, waits), events, evaluation.is_open)


def _state(evaluation: Evaluation, waits: Waits) -> dict[str, Any]:
    place, seconds = (waits.position, waits.seconds) if evaluation.state == State.QUEUED else (None, None)
    seconds = None if waits.delay else seconds
    because = {"waits_because": waits.delay.as_data} if waits.delay and evaluation.is_open else {}
    return {"status": evaluation.state, "queue_position": place, "wait_s": seconds, **because}


def _withheld(
    evaluation: Evaluation,
    submission: Submission,
    after: int,
    events: list[EventRow],
    waits: Waits,
) -> Look:
    """Returns what the learner may see while details are withheld, or the grade too."""
    shown = evaluation.as_shown(submission)
    if evaluation.is_open or after:
        return Look(_state(shown, waits), [], evaluation.is_open)
    ends = [data for _seq, kind, data in events if kind == "finished"]
    end = ends[-1] if ends and shown.state == evaluation.state else {"status": shown.state}
    return Look(_state(shown, waits), [(1, "finished", end)], is_open=False)


class Follower:
    """One open stream. `after` is the number of the last event that it has sent."""

    def __init__(self, evaluation_id: int, after: int) -> None:
        self.evaluation_id = evaluation_id
        self.after = after
        self._look: Look | None = None
        self._news = asyncio.Event()

    def tell(self, look: Look | None) -> None:
        self._look = look
        self._news.set()

    async def next(self) -> Look | None:
        """Waits for the next poll. Returns it without events that were sent already, or None without a database."""
        await self._news.wait()
        self._news.clear()
        if self._look is None:
            return None
        new = [event for event in self._look.events if event[0] > self.after]
        return Look(self._look.state, new, self._look.is_open)


class Poller:
    """Polls the database for all streams of one event loop, while there are any."""

    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.places = QueuePositions()
        self._task: asyncio.Task[None] | None = None
        # Not thread-sensitive, because a poll must not wait until a request has been answered.
        self._look = sync_to_async(_look_in_thread, thread_sensitive=False)

    async def first(self, evaluation_id: int, after: int) -> Look | None:
        """Polls for a stream that begins. Returns None without a database."""
        return (await self._try({evaluation_id: after})).get(evaluation_id)

    def join(self, follower: Follower) -> None:
        self.followers.add(follower)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, follower: Follower) -> None:
        self.followers.discard(follower)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            # There is no `await` between this check and the end, so that no stream joins a poller that has just ended.
            if not self.followers:
                self._task = None
                return
            await self._tell()

    async def _tell(self) -> None:
        told = list(self.followers)
        wanted: dict[int, int] = {}
        for one in told:
            wanted[one.evaluation_id] = min(one.after, wanted.get(one.evaluation_id, one.after))
        looks = await self._try(wanted, self.places)
        for one in told:
            one.tell(looks.get(one.evaluation_id))

    async def _try(self, wanted: Mapping[int, int], places: QueuePositions | None = None) -> dict[int, Look]:
        try:
            return await self._look(wanted, places)
        except DatabaseError as error:
            log.warning("database_away", reason=type(error).__name__)
            return {}
        except Exception as error:
            if len(wanted) > 1:
                looks = [await self._try({pk: after}, places) for pk, after in wanted.items()]
                return {pk: look for found in looks for pk, look in found.items()}
            log.exception("stream_failed", evaluation=next(iter(wanted), None), reason=type(error).__name__)
            return {}


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = WeakKeyDictionary()


def of_this_loop() -> Poller:
    return _pollers.setdefault(asyncio.get_running_loop(), Poller())
