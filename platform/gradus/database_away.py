"""Tells a database that cannot be reached, which is answered with 503, from a fault of the site: 500."""

from __future__ import annotations

import sqlite3

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest

log = structlog.get_logger(__name__)
# What the answer's Retry-After says, in seconds.
RETRY_SECONDS = 10
# PostgreSQL's classes of errors for a connection that fails, too many connections, and a server that starts or stops:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
AWAY_STATES = ("08", "53300", "57P")
NOTED = "gradus.database_away"
AWAY_ON_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN)


def is_away(error: BaseException | None) -> bool:
    """Returns True if the database did not take the connection, broke it off, or has been locked for too long."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # The low byte is the primary code: https://www.sqlite.org/rescode.html
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in AWAY_ON_SQLITE
    # Where the server was not reached, there is no code.
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(AWAY_STATES)


def is_noted(request: HttpRequest) -> bool:
    """Returns True if the log has its line about this request already."""
    return NOTED in request.META


def note(request: HttpRequest, error: BaseException | None) -> None:
    """Writes one line to the log, although the error may pass several places before the request is answered."""
    if not is_noted(request):
        request.META[NOTED] = True
        reason = str(error).strip().splitlines()
        log.error("database_away", path=request.path, reason=reason[0] if reason else type(error).__name__)
