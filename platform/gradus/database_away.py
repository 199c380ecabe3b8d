"""Tells a database that cannot be reached or waits for too long, which is answered with 503, from a fault: 500."""

from __future__ import annotations

import sqlite3
from typing import Any

import structlog
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest
from django.utils.translation import gettext as _

log = structlog.get_logger(__name__)
# The database cannot be reached or has ended the connection. PostgreSQL raises InternalError after a transaction was
# idle for too long.
ERRORS = (OperationalError, InterfaceError, InternalError)
# What the answer's Retry-After says, in seconds.
RETRY_SECONDS = 10
# PostgreSQL's classes of errors for a connection that fails, too many connections, and a server that starts or stops:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
AWAY_STATES = ("08", "53300", "57P")
# A lock was not free in time, a statement was cancelled for its time, or two transactions waited for each other.
HELD_STATES = ("55P03", "57014", "40P01")
NOTED = "gradus.database_away"
# How long a web request waits for a row that another transaction holds, and how long one statement of it may take. On
# SQLite, whose writers wait for the whole file, several of them may have to go first.
LOCK_SECONDS, STATEMENT_SECONDS, SQLITE_SECONDS = 8, 30, 10


def limit_waits(database: dict[str, Any]) -> None:
    """Changes the settings of a database so that no request of this process keeps its thread for long.

    Only web servers call it: workers, migrations and commands may wait.
    """
    options = database.setdefault("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        options["timeout"] = SQLITE_SECONDS
        return
    limits = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"
    options["options"] = f"{limits} {options.get('options', '')}".strip()


def is_away(error: BaseException | None) -> bool:
    """Returns True if the database did not take the connection, or broke it off."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) == sqlite3.SQLITE_CANTOPEN
    # Where the server was not reached, there is no code.
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(AWAY_STATES)


def is_held(error: BaseException | None) -> bool:
    """Returns True if the database gave a statement up, mostly because another transaction holds what it needs."""
    cause = error.__cause__ if isinstance(error, OperationalError) else None
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) == sqlite3.SQLITE_BUSY
    return getattr(cause, "sqlstate", None) in HELD_STATES


def is_unavailable(error: BaseException | None) -> bool:
    """Returns True if the request may succeed in a moment, so that it is answered with 503."""
    return is_away(error) or is_held(error)


def held_in_words() -> str:
    return _(
        "The site has waited for too long for data that is being changed at the same time. Wait a moment, look whether "
        "what you asked for was done, and if not, try again."
    )


def _sqlite_code(error: sqlite3.Error) -> int:
    """The low byte is the primary code: https://www.sqlite.org/rescode.html"""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_noted(request: HttpRequest) -> bool:
    """Returns True if the log has its line about this request already."""
    return NOTED in request.META


def note(request: HttpRequest, error: BaseException | None) -> None:
    """Writes one line to the log, although the error may pass several places before the request is answered."""
    if not is_noted(request):
        request.META[NOTED] = True
        reason = str(error).strip().splitlines()
        event = "database_waited" if is_held(error) else "database_away"
        log.error(event, path=request.path, reason=reason[0] if reason else type(error).__name__)
