"""Server-sent events from the event table, for pages and the API alike. The table is the truth; this only reads.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. `id` is the event's number within its
evaluation, so a client that sends `Last-Event-ID` (or `?after=`) gets exactly what it has not seen.
"""

import json
import time
from collections.abc import AsyncGenerator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from gradus.submissions import stream_poller as watch
from gradus.submissions.models import Evaluation, Event

HEARTBEAT_SECONDS = 15
# A page gets one hour; the browser then connects again by itself with the last number it saw.
LONGEST_SECONDS = 3600


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
    """Events after number `after` as they come, a `state` event first and whenever it changes, until the end.

    Ends early where the database is away: a browser then connects again with the last number it saw.
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
    """One server-sent event. `state` and `heartbeat` carry no id: they are not replayed."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
