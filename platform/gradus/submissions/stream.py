"""Server-sent events from the event table, for pages and the API alike. The table is the truth; this only reads.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. `id` is the event's number within its
evaluation, so a client that sends `Last-Event-ID` (or `?after=`) gets exactly what it has not seen.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from gradus.submissions.models import Evaluation, Event
from gradus.submissions.queue import expected_wait, queue_position

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15
# A page gets one hour; the browser then connects again by itself with the last number it saw.
LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Look:
    """What one look at the database found."""

    state: dict[str, Any]
    events: list[tuple[int, str, dict[str, Any]]]
    is_open: bool


def response(request: HttpRequest, evaluation: Evaluation) -> HttpResponseBase:
    """The stream, or 204 (which tells a browser to stop asking) where everything has been seen."""
    after = seen(request)
    if not evaluation.is_open and after and after >= last_seq(evaluation.pk):
        return HttpResponse(status=204)
    stream = StreamingHttpResponse(follow(evaluation.pk, after), content_type="text/event-stream")
    stream["Cache-Control"] = "no-cache, no-transform"
    stream["X-Accel-Buffering"] = "no"
    return stream


def seen(request: HttpRequest) -> int:
    """The last event that the client has, 0 for none."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def last_seq(evaluation_id: int) -> int:
    last = Event.objects.filter(evaluation_id=evaluation_id).order_by("-seq").values_list("seq", flat=True).first()
    return last or 0


async def follow(evaluation_id: int, after: int = 0) -> AsyncGenerator[bytes, None]:
    """Events after number `after` as they come, a `state` event first and whenever it changes, until the end."""
    # Not thread-sensitive: otherwise each open page would hold a thread and a database connection of its own.
    look = sync_to_async(look_at, thread_sensitive=False)
    state: dict[str, Any] | None = None
    end, spoken = time.monotonic() + LONGEST_SECONDS, time.monotonic()
    while time.monotonic() < end:
        found = await look(evaluation_id, after)
        parts = [] if found.state == state else [line("state", found.state)]
        state = found.state
        parts += [line(kind, data, seq) for seq, kind, data in found.events]
        after = found.events[-1][0] if found.events else after
        if not parts and time.monotonic() - spoken >= HEARTBEAT_SECONDS:
            parts = [b": alive\n" + line("heartbeat", {})]
        if parts:
            spoken = time.monotonic()
            yield b"".join(parts)
        if not found.is_open:
            return
        await asyncio.sleep(POLL_SECONDS)


def look_at(evaluation_id: int, after: int) -> Look:
    """State before events: an evaluation seen as ended has written its last event."""
    close_old_connections()
    try:
        evaluation = Evaluation.objects.get(pk=evaluation_id)
        found = Event.objects.filter(evaluation_id=evaluation_id, seq__gt=after).order_by("seq")
        events = list(found.values_list("seq", "type", "data"))
        if not evaluation.is_open and not events and not after:
            # Old events are pruned; a stream still ends with the news that it has ended.
            events = [(1, "finished", {"status": evaluation.state})]
        return Look(state_of(evaluation), events, evaluation.is_open)
    except Evaluation.DoesNotExist:
        return Look({"status": "expired"}, [], is_open=False)
    finally:
        close_old_connections()


def state_of(evaluation: Evaluation) -> dict[str, Any]:
    """`{status, queue_position, wait_s}`; the last two only while it waits."""
    return {
        "status": evaluation.state,
        "queue_position": queue_position(evaluation),
        "wait_s": expected_wait(evaluation),
    }


def line(kind: str, data: dict[str, Any], seq: int | None = None) -> bytes:
    """One server-sent event. `state` and `heartbeat` carry no id: they are not replayed."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
