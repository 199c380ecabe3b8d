"""Sends a recorded call, undoes what it did, and says how its answer differs from the recorded one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import StreamingHttpResponse
from django.test import Client

from gradus.accounts.guests import SESSION_KEY
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.submissions import stream
from tests.api.fuzz.site import beginning, in_this_thread

# Sentences that people read may be put better: they are there, and texts.
SENTENCES = {"detail", "message", "guest_note", "why", "reasons", "name"}
# What a script relies on is the same in the answer to any call.
CODES = {"code", "status", "kind", "challenge", "state", "verdict", "stage", "outcome"}


def call(recorded: dict[str, Any], tokens: dict[str, str]) -> dict[str, Any]:
    """Status and answer of a call of the API now; the answer is None where it is neither JSON nor events."""
    token = tokens.get(recorded["who"])
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **recorded.get("headers", {})}
    body = recorded.get("body")
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    response = _sent(Client(raise_request_exception=False), recorded["method"], recorded["path"], headers, **sent)
    return {"status": response.status_code, "answer": _answer(response)}


def page(recorded: dict[str, Any], users: dict[str, int]) -> tuple[int, str]:
    """Status and text of a page now; `who` names one of `users`, or nobody."""
    client = Client(raise_request_exception=False)
    with transaction.atomic():
        if recorded["who"] in users:
            _enter(client, User.objects.get(pk=users[recorded["who"]]))
        response = _sent(client, "GET", recorded["path"], {})
        transaction.set_rollback(True)
    return response.status_code, "" if response.streaming else response.content.decode(errors="replace")


def _enter(client: Client, user: User) -> None:
    if not user.is_guest:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return
    session = client.session
    session[SESSION_KEY] = user.pk
    session.save()
    client.cookies["sessionid"] = session.session_key or ""


def _sent(client: Client, method: str, path: str, headers: dict[str, str], **sent: Any) -> Any:
    for forget in (cache.clear, catalogue.forget):
        forget()
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        # A stream looks from another thread, which would not see this transaction.
        patch.setattr(stream, "sync_to_async", in_this_thread)
        patch.setattr(stream, "close_old_connections", lambda: None)
        response: Any = client.generic(method, path, headers=headers, **sent)
        if isinstance(response, StreamingHttpResponse) and response.is_async:
            response = beginning(response)
        transaction.set_rollback(True)
    return response


def _answer(response: Any) -> Any:
    kind = response.headers.get("Content-Type", "")
    if response.streaming or not response.content:
        return None
    if "json" in kind and "lines" not in kind and "ndjson" not in kind:
        return response.json()
    text = response.content.decode(errors="replace")
    if "event-stream" in kind:
        return [_event(one) for one in text.split("\n\n") if "data: " in one]
    return [json.loads(line) for line in text.splitlines()] if "json" in kind else None


def _event(text: str) -> dict[str, Any]:
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    return {**fields, "data": json.loads(fields["data"])}


def changed_call(recorded: dict[str, Any], tokens: dict[str, str]) -> list[str]:
    """What a client of the recorded release would miss in today's answer; one line each."""
    now = call(recorded, tokens)
    name = f"{recorded['who']} {recorded['method']} {recorded['path']}"
    if now["status"] != recorded["status"]:
        return [f"{name}: status {now['status']}, was {recorded['status']}: {now['answer']}"]
    exact = recorded["method"] == "GET"
    return [f"{name}{found}" for found in differences(recorded["answer"], now["answer"], exact=exact)]


def changed_page(recorded: dict[str, Any], users: dict[str, int]) -> list[str]:
    status, text = page(recorded, users)
    name = f"{recorded['who']} {recorded['path']}"
    if status != recorded["status"]:
        return [f"{name}: status {status}, was {recorded['status']}"]
    return [f"{name}: {one!r} is not there" for one in recorded["texts"] if one not in text]


def differences(recorded: Any, now: Any, *, exact: bool, key: str = "", at: str = "") -> Iterator[str]:
    """What `now` lacks of a recorded answer. Keys may be added.

    Values are the same where `exact`, apart from sentences. Else they are of the same type, apart from codes, and
    something may stand where nothing (null) stood: a call that changes something makes ids and times anew.

    Up to 0.3.0 a provisional grade had a verdict, which said that somebody had passed whom a person then failed. It has
    none now (null), as an attempt without a grade had all along.
    """
    if isinstance(recorded, dict) and isinstance(now, dict):
        for name, value in recorded.items():
            if name not in now:
                yield f"{at}: there is no `{name}`"
            elif not (name == "verdict" and now[name] is None and _is_provisional(now)):
                yield from differences(value, now[name], exact=exact, key=name, at=f"{at}.{name}")
    elif isinstance(recorded, list) and isinstance(now, list):
        yield from _of_lists(recorded, now, exact, key, at)
    elif not _fits(recorded, now, (exact and key not in SENTENCES) or key in CODES):
        yield f"{at}: {now!r}, was {recorded!r}"


def _is_provisional(submission: dict[str, Any]) -> bool:
    return submission.get("status") == "review" and submission.get("verified_by") is None


def _of_lists(recorded: list[Any], now: list[Any], exact: bool, key: str, at: str) -> Iterator[str]:
    if len(recorded) != len(now) if exact else len(recorded) > len(now):
        yield f"{at}: {len(now)} entries, were {len(recorded)}"
    for number, (one, other) in enumerate(zip(recorded, now, strict=False)):
        yield from differences(one, other, exact=exact, key=key, at=f"{at}[{number}]")


def _fits(recorded: Any, now: Any, exact: bool) -> bool:
    if exact and isinstance(recorded, float) and isinstance(now, float):
        # The `sum` of Python 3.12 and newer rounds less.
        return math.isclose(recorded, now, rel_tol=1e-12)
    if exact:
        return bool(recorded == now)
    if isinstance(recorded, bool) or isinstance(now, bool):
        return isinstance(recorded, bool) == isinstance(now, bool) or recorded is None
    numbers = isinstance(recorded, int | float) and isinstance(now, int | float)
    return recorded is None or numbers or type(recorded) is type(now)
