"""Streams the events of an evaluation from the event table as server-sent events, for the pages and the API.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. The `id` of an event is its number within its
evaluation, so a client that sends `Last-Event-ID` (or `?after=`) gets exactly the events that it has not seen.
"""

import json
import time
from collections.abc import AsyncGenerator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from gradus.submissions import stream_poller as watch
from gradus.submissions.models import Evaluation, Event

HEARTBEAT_SECONDS = 15
# A stream ends after one hour. The browser then connects again by itself, with the number of the last event it saw.
LONGEST_SECONDS = 3600


def response(request: HttpRequest, evaluation: Evaluation) -> HttpResponseBase:
    """Returns the stream, or 204, which tells the browser to stop asking, if the client has seen all events."""
    after = seen(request)
    if not evaluation.is_open and after and after >= last_seq(evaluation.pk):
        return HttpResponse(status=204)
    stream = StreamingHttpResponse(follow(evaluation.pk, after), content_type="text/event-stream")
    stream["Cache-Control"] = "no-cache, no-transform"
    stream["X-Accel-Buffering"] = "no"
    return stream


def seen(request: HttpRequest) -> int:
    """Returns the number of the last event that the client has seen, or 0 if it has seen none."""
    given = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def last_seq(evaluation_id: int) -> int:
    last = Event.objects.filter(evaluation_id=evaluation_id).order_by("-seq").values_list("seq", flat=True).first()
    return last or 0


async def follow(evaluation_id: int, after: int = 0) -> AsyncGenerator[bytes, None]:
    """Yields the events after number `after` as they happen, until the evaluation ends.

    A `state` event comes first, and again whenever the state changes. The stream ends early if the database does not
    answer; the browser then connects again with the number of the last event it saw.
    """
    all_streams, me = watch.of_this_loop(), watch.Follower(evaluation_id, after)
    found: watch.Look | None = await all_streams.first(evaluation_id, after)
    state: dict[str, Any] | None = None
    end, spoken = time.monotonic() + LONGEST_SECONDS, time.monotonic()
    all_streams.join(me)
    try:
        while found is not None and time.monotonic() < end:
            parts = [] if found.state == state else [line("state", found.state)]
            state = found.state
            parts += [line(kind, data, seq) for seq, kind, data in found.events]
            me.after = found.events[-1][0] if found.events else me.after
            if not parts and time.monotonic() - spoken >= HEARTBEAT_SECONDS:
                parts = [b": alive\n" + line("heartbeat", {})]
            if parts:
                spoken = time.monotonic()
                yield b"".join(parts)
            if not found.is_open:
                return
            found = await me.next()
    finally:
        all_streams.leave(me)


def line(kind: str, data: dict[str, Any], seq: int | None = None) -> bytes:
    """Formats one server-sent event. `state` and `heartbeat` have no id, because they are not sent again."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
