"""The site's door for workers of other machines: `POST /api/workers/v1/<call>` with JSON, and files of their jobs.

A machine that waits for a job holds no thread: one poller looks for all who wait, and a request is answered within a
second of the job's arrival, or after `calls.WAIT_SECONDS` without one. White space is sent meanwhile, so that no proxy
on the way takes the connection for dead, and the worker sees that the site is there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.core.files.storage import storages
from django.db import DatabaseError, close_old_connections
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from challenges import distribution
from challenges.files.nesting import has_more_parts, too_deep
from challenges.jobs import LeaseLost
from gradus.database_away import RETRY_SECONDS, is_unavailable
from gradus.downloads import download
from gradus.fleet import calls, files, tokens
from gradus.fleet.models import WorkerToken
from gradus.refusal import Refused
from gradus.request_bodies import PARTS_WITH_ROWS
from gradus.submissions.models import Evaluation
from gradus.submissions.services.outcome_form import NotAnOutcome
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
POLL_SECONDS, ALIVE_SECONDS = 0.5, 5.0
# After a claim that got nothing although something waits, for example another base model.
PAUSE_SECONDS = 5.0
DEPTH_MOST = 60


@csrf_exempt
@require_POST
def call(request: HttpRequest, name: str) -> HttpResponseBase:
    """Answers one call of a worker."""
    try:
        token = _token(request)
        if name not in calls.CALLS:
            raise Refused("no_such_call", _("This site does not know this call."), status=404)
        form, function = calls.CALLS[name]
        sent = form.model_validate(_json(request))
        answer = function(token, sent)
        if isinstance(sent, calls.Claim) and name == "claim" and sent.wait and answer["job"] is None:
            return StreamingHttpResponse(_waited(token, sent), content_type="application/json")
        return JsonResponse(answer)
    except Exception as error:
        if (refusal := _problem(error)) is None:
            raise
        return refusal


@csrf_exempt
@require_http_methods(["GET", "PUT"])
def file(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Sends a file of a job, from the byte on that `Range` names, or takes a part from `Upload-Offset` on."""
    try:
        token = _token(request)
        if request.method == "PUT":
            offset = request.headers.get("Upload-Offset", "")
            if not (offset.isdecimal() and len(offset) < 16):
                raise Refused("bad_offset", _("The header Upload-Offset is not a number of bytes."))
            return JsonResponse({"offset": files.take(token, signed, int(offset), request.body)})
        store, name, size = files.opened(token, signed)
        if size is not None:
            raise Refused("wrong_address", _("A file is sent to this address, and not read from it."), status=404)
        content = storages[store].open(name)
        begin = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        if begin.isdecimal() and len(begin) < 16 and int(begin):
            content.seek(int(begin))
            return download(request, content, status=206, content_type="application/octet-stream")
        return download(request, content, content_type="application/octet-stream")
    except Exception as error:
        if (refusal := _problem(error)) is None:
            raise
        return refusal


def _token(request: HttpRequest) -> WorkerToken:
    """Returns the token of a request. Raises `Refused` for a wrong one, and for a worker that is too old or too new."""
    spoken = request.headers.get("Gradus-Protocol", "")
    if spoken not in {str(known) for known in calls.PROTOCOLS}:
        said = _("This machine has Gradus %(theirs)s and the site %(ours)s. Install the site's release on the machine.")
        theirs = request.headers.get("Gradus-Release", "?")[:40]
        raise Refused("other_protocol", said % {"theirs": theirs, "ours": distribution.release()}, status=400)
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    return tokens.of_request(secret if kind == "Bearer" else "", request.headers.get("Gradus-Machine", ""))


def _json(request: HttpRequest) -> Any:
    try:
        text = request.body.decode()
        if has_more_parts(text, PARTS_WITH_ROWS) or too_deep(text, most=DEPTH_MOST):
            raise Refused("too_large", _("The JSON has too many parts for this address."), status=413)
        return json.loads(text or "{}", parse_constant=_no_number)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused("no_json", _("The body is not JSON."), status=400) from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _problem(error: Exception) -> HttpResponseBase | None:
    """Returns the answer to an error that a worker can do something about; None to others, which are faults of ours."""
    match error:
        case Refused():
            return _answer(error.status, error.code, error.message)
        case LeaseLost():
            return _answer(409, "lease_lost", _("The job is not yours any more. Give it up."))
        case ValidationError():
            place = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
            return _answer(422, "wrong_form", _("The call has another form than this site takes, at “%s”.") % place)
        case NotAnOutcome():
            log.warning("not_an_outcome", reason=str(error))
            return _answer(422, "not_an_outcome", _("What was handed in is not an outcome of this job."))
        case files.DiskFull():
            log.error("disk_full")
            return _answer(507, "disk_full", _("The site has no room for this file now."), retry_after=60)
        case _ if is_unavailable(error):
            return _answer(503, "away", _("The site cannot answer now. Ask again."), retry_after=RETRY_SECONDS)
    return None


def _answer(status: int, code: str, detail: str, retry_after: int | None = None) -> HttpResponseBase:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return JsonResponse({"code": code, "detail": detail}, status=status, headers=headers)


async def _waited(token: WorkerToken, sent: calls.Claim) -> AsyncGenerator[bytes, None]:
    """Yields white space until there is a job, and then the answer of the call."""
    poller = of_this_loop()
    waiter = Waiter(sent.lane, sent.profile)
    end, spoken = time.monotonic() + calls.WAIT_SECONDS, time.monotonic()
    poller.join(waiter)
    try:
        while time.monotonic() < end:
            if time.monotonic() - spoken >= ALIVE_SECONDS:
                spoken = time.monotonic()
                yield b" "
            if not await waiter.called(ALIVE_SECONDS):
                continue
            answer = await sync_to_async(_claim_in_thread, thread_sensitive=False)(token.pk, sent)
            if answer["job"] is not None:
                yield json.dumps(answer).encode()
                return
            waiter.pause(PAUSE_SECONDS)
    finally:
        poller.leave(waiter)
    yield json.dumps({"job": None}).encode()


def _claim_in_thread(token_id: int, sent: calls.Claim) -> dict[str, Any]:
    close_old_connections()
    try:
        token = WorkerToken.objects.live().get(pk=token_id)
        return calls.claim(token, sent)
    except (WorkerToken.DoesNotExist, DatabaseError):
        return {"job": None}
    finally:
        close_old_connections()


class Waiter:
    """A worker that waits for a job of its lane, for one that its engine profile may take."""

    def __init__(self, lane: str, profile: str) -> None:
        self.lane, self.profile = lane, profile
        self._from = 0.0
        self._called = asyncio.Event()

    def wants(self, lane: str, profile: str) -> bool:
        free = not self._called.is_set() and time.monotonic() >= self._from
        return free and self.lane == lane and profile in ("", self.profile)

    def call(self) -> None:
        self._called.set()

    def pause(self, seconds: float) -> None:
        self._from = time.monotonic() + seconds

    async def called(self, seconds: float) -> bool:
        """Waits for at most so many seconds. Returns whether there may be a job."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._called.wait()
        was_called = self._called.is_set()
        self._called.clear()
        return was_called


class Poller:
    """Looks for jobs for all workers that wait in one event loop, while there are any: one query for all of them."""

    def __init__(self) -> None:
        # In the order in which they came, so that each has its turn.
        self.waiters: dict[Waiter, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._look = sync_to_async(_waiting_jobs, thread_sensitive=False)

    def join(self, waiter: Waiter) -> None:
        self.waiters[waiter] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, waiter: Waiter) -> None:
        self.waiters.pop(waiter, None)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            # There is no `await` between this check and the end, so that nobody joins a poller that has just ended.
            if not self.waiters:
                self._task = None
                return
            for lane, profile in await self._look():
                waiter = next((waiter for waiter in self.waiters if waiter.wants(lane, profile)), None)
                if waiter is not None:
                    waiter.call()


def _waiting_jobs() -> list[tuple[str, str]]:
    """Returns lane and engine profile of the jobs that can be claimed now, in their order."""
    close_old_connections()
    try:
        waiting = Evaluation.objects.filter(state=State.QUEUED, lane__in=calls.LEASES, available_at__lte=Now())
        return list(waiting.order_by("fair_share_rank", "id").values_list("lane", "engine_profile")[:200])
    except DatabaseError as error:
        log.warning("database_away", reason=type(error).__name__)
        return []
    finally:
        close_old_connections()


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = WeakKeyDictionary()


def of_this_loop() -> Poller:
    return _pollers.setdefault(asyncio.get_running_loop(), Poller())
