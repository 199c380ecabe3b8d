"""Shares the few threads of a web process between people: one of them cannot hold all with requests that wait.

A sender is a session or a token of the API. Requests above its share wait without a thread for as long as its earlier
ones end one after another, and are answered with 429 if none of them does. No database is asked, because it may be what
the threads wait for. So sessions that somebody invents, and requests without one, are bounded by their address. It may
be a classroom's, so it has all threads but one, and what it sends waits for as long as it takes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from gradus.accounts.rate_limits import client_address
from gradus.api.problems import problem

log = structlog.get_logger(__name__)
# How long a request waits while none of the sender's earlier ones ends. The lock timeout of PostgreSQL is longer, so
# that requests behind one that waits for a row are answered soon.
WAIT_SECONDS = 7.0
RETRY_SECONDS = 10
# What the name of an address begins with among the names of a sender.
ADDRESS = "address "
Limits = Mapping[str, int]


@dataclass
class Threads:
    """Counts, for one event loop, which sender's requests are worked on. `number` is that of the process's threads.

    `waiting` has, in their order, the limits of the requests that wait, and when each came. `ended_at` says when a
    sender that has threads last gave one back.
    """

    number: int
    wait_seconds: float = WAIT_SECONDS
    taken: Counter[str] = field(default_factory=Counter)
    waiting: dict[asyncio.Future[None], tuple[Limits, float]] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)

    def limits_of(self, request: HttpRequest) -> Limits:
        """Returns how many threads each name of the sender may hold: a half, and all but one for an address."""
        limits = {f"{ADDRESS}{client_address(request)}": max(1, self.number - 1)}
        secret = request.COOKIES.get(settings.SESSION_COOKIE_NAME) or request.headers.get("Authorization")
        if secret:
            limits[hashlib.sha256(secret.encode(errors="replace")).hexdigest()] = max(1, self.number // 2)
        return limits

    async def enter(self, request: HttpRequest) -> Callable[[], None] | HttpResponse:
        """Waits until the sender may have a thread. Returns what gives it back, to be called once in this event loop.

        It is a response if the sender's earlier requests take too long.
        """
        limits = self.limits_of(request)
        if self._has_room(limits):
            self.taken.update(limits.keys())
        elif not await self._was_let_in(limits):
            return too_many(request)
        return partial(self._leave, limits)

    def oldest_seconds(self) -> float:
        """Returns how long the oldest request has waited that only its address, perhaps a crowd's, keeps waiting."""
        came = (came for limits, came in self.waiting.values() if self._is_kept_by_address(limits))
        now = time.monotonic()
        return now - next(came, now)

    async def _was_let_in(self, limits: Limits) -> bool:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting[turn] = limits, time.monotonic()
        try:
            while not (await asyncio.wait([turn], timeout=self.wait_seconds))[0]:
                if not self._moves(limits):
                    return False
        except asyncio.CancelledError:
            # The browser may go away in the moment in which the thread was given.
            if turn.done():
                self._leave(limits)
            raise
        finally:
            self.waiting.pop(turn, None)
        return True

    def _leave(self, limits: Limits) -> None:
        """Gives the thread back, and lets the first in that may have one now."""
        self.taken.subtract(limits.keys())
        self.taken = +self.taken
        first = next((turn for turn, (wanted, _came) in self.waiting.items() if self._has_room(wanted)), None)
        if first is not None:
            wanted, _came = self.waiting.pop(first)
            self.taken.update(wanted.keys())
            first.set_result(None)
        ended_at = self.ended_at | dict.fromkeys(limits, time.monotonic())
        self.ended_at = {name: ended_at[name] for name in self.taken if name in ended_at}

    def _has_room(self, limits: Limits) -> bool:
        return all(self.taken[name] < most for name, most in limits.items())

    def _moves(self, limits: Limits) -> bool:
        """Returns True if only the address keeps the request waiting, or an earlier one of its sender ended lately."""
        lately = time.monotonic() - self.wait_seconds
        return self._is_kept_by_address(limits) or any(self.ended_at.get(name, 0) > lately for name in _own(limits))

    def _is_kept_by_address(self, limits: Limits) -> bool:
        return self._has_room(_own(limits))


def _own(limits: Limits) -> Limits:
    """Returns the limits without the one of the address, which others may share."""
    return {name: most for name, most in limits.items() if not name.startswith(ADDRESS)}


def too_many(request: HttpRequest) -> HttpResponse:
    """Answers 429: a page, or problem details if it is a call of the API."""
    log.warning("too_many_at_once", path=request.path_info, ip=client_address(request))
    if request.path_info.startswith("/api/"):
        return problem(429, _in_words(), retry_after=RETRY_SECONDS)
    return HttpResponse(_page(), status=429, headers={"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})


def _in_words() -> str:
    return _(
        "The site still works on your earlier requests, so it has not begun with this one. Wait until they have ended, "
        "then try again."
    )


@cache
def _page() -> str:
    """The page is made once, because it is sent by the one thread that takes all requests."""
    return render_to_string("too_many_at_once.html", {"said": _in_words()})
