"""Sends grades to platforms: each arrives once in its newest value, wherever a process or a network stops.

A body gets its timestamp, later than all before it, in a transaction of its own, and only then is sent. While nobody
knows whether it has arrived, the same body is sent again, which a platform takes for what it is. A platform that does
not answer rests, twice as long each time, and keeps nobody waiting but its own grades.
"""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus import database_away, outgoing
from gradus.lti import advice, columns, keys, released
from gradus.lti.models import REFUSAL_CHARS, Delivery, Platform
from gradus.outgoing import Answer, Unreachable
from gradus.submissions import failpoints

log = structlog.get_logger(__name__)
AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCOPES = f"{AGS}score {AGS}result.readonly"
SCORE = "application/vnd.ims.lis.v1.score+json"
RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Grades of one platform in a round, and the seconds after which the next platform has its turn.
OF_ONE, SECONDS_OF_ONE = 25, 20.0
# How long a process that sends a grade keeps it to itself: longer than all its requests can take.
HELD = timedelta(minutes=3)
LEAST, MOST = timedelta(minutes=1), timedelta(days=1)
# What a platform answers that does not show this site its results.
SHOWS_NONE = (401, 403, 404, 405, 501)
TOKEN_CHARS = 16_000
tokens: dict[tuple[int, str], tuple[str, float]] = {}


def run() -> int:
    """Makes the next key when it is time, notes which grades differ, and sends them. Returns how many arrived."""
    keys.rotate()
    released.look()
    return carry_out()


def carry_out() -> int:
    """Sends what is due. Returns how many grades arrived."""
    due = Delivery.objects.due().order_by("due_at", "pk")
    platforms = due.order_by().values_list("line_item__context__deployment__platform_id", flat=True).distinct()
    done = 0
    for platform in list(platforms):
        of_one = due.filter(line_item__context__deployment__platform_id=platform)
        ends = time.monotonic() + SECONDS_OF_ONE
        for key in list(of_one.values_list("pk", flat=True)[:OF_ONE]):
            try:
                done += send(key)
            except database_away.ERRORS:
                raise
            except Exception as error:  # whatever is wrong with this grade: all others are sent
                log.exception("grade_failed", delivery=key, reason=type(error).__name__)
                # Behind all others, so that a few of these do not take every turn.
                Delivery.objects.filter(pk=key).update(due_at=timezone.now())
            if time.monotonic() > ends:
                break
    return done


def send(key: int) -> bool:
    """Sends one grade, unless another process does, or its platform rests. Returns True if it arrived."""
    row = _fixed(key)
    if row is None:
        return False
    platform = row.line_item.context.deployment.platform
    failpoints.reach("send.fixed")
    if said := columns.problem_of(platform, row.line_item.url):
        # An operator has changed the platform's hosts since the column was noted.
        _refuse(row, said)
        return False
    try:
        _post(platform, row)
    except Unreachable as error:
        return _failed(platform, row, error)
    failpoints.reach("send.answered")
    _arrived(platform, row)
    failpoints.reach("sent.committed")
    return True


@transaction.atomic
def _fixed(key: int) -> Delivery | None:
    """Claims a grade, and fixes what is sent of it. Returns None if there is nothing to send now."""
    related = "line_item__context__deployment__platform"
    skips = connection.features.has_select_for_update_skip_locked
    found = Delivery.objects.due().select_for_update(of=("self",), skip_locked=skips)
    row = found.select_related(related, "link").filter(pk=key).first()
    if row is None:
        return None
    if row.body is None:
        if row.wanted == (row.delivered or {}) and row.delivered is not None:
            row.state, row.due_at, row.fault = Delivery.State.DELIVERED, None, ""
            row.save(update_fields=["state", "due_at", "fault"])
            return None
        row.stamp = max(row.stamp + 1, round(time.time() * 1000))
        row.sending, row.body = row.wanted, body_of(row.link.sub, row.wanted, row.stamp)
    row.state, row.due_at = Delivery.State.WAITING, timezone.now() + HELD
    row.save(update_fields=["state", "due_at", "stamp", "sending", "body"])
    failpoints.reach("send.uncommitted")
    return row


def body_of(sub: str, grade: dict[str, str], stamp: int) -> dict[str, Any]:
    """Returns a score as the platform takes it. Without a grade it recalls an earlier one."""
    at = datetime.fromtimestamp(stamp / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = {"userId": sub, "timestamp": at, "activityProgress": "Submitted"}
    if not grade:
        return {**known, "gradingProgress": "NotReady"}
    score = {"scoreGiven": float(grade["given"]), "scoreMaximum": float(grade["maximum"])}
    return {**known, **score, "activityProgress": "Completed", "gradingProgress": "FullyGraded"}


def beside(url: str, name: str) -> str:
    """Returns the address of a line item's scores or results: the name comes before a query string."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def _post(platform: Platform, row: Delivery) -> None:
    token_of(platform)
    failpoints.reach("send.permitted")
    # PostgreSQL keeps the keys of a JSON value in another order.
    content = json.dumps(row.body, sort_keys=True).encode()
    address = beside(row.line_item.url, "scores")
    answer = permitted(platform, SCOPES, "POST", address, {"Content-Type": SCORE}, content)
    if said := complaint_of(answer):
        raise Unreachable(said, status=409)


def complaint_of(answer: Answer) -> str:
    """Returns what an answer says against a grade although its status is one of success, or ""."""
    if answer.body.strip() and "html" in answer.headers.get("Content-Type", "").lower():
        return _("The platform answered with a page for people, and did not say that it has the grade.")
    value = answer.object()
    if value.get("error") or value.get("errors"):
        return _("The platform answered with an error, although the status of its answer is one of success.")
    return ""


def permitted(
    platform: Platform, scopes: str, method: str, address: str, headers: dict[str, str], content: bytes | None = None
) -> Answer:
    """Sends a request with an access token. A kept token that the platform no longer takes is replaced once.

    A platform that has changed its keys, for example, refuses all tokens from before.

    Raises:
        Unreachable: the platform gives no token, or refuses the request.
    """
    kept, _ends = tokens.get((platform.pk, scopes), ("", 0.0))
    while True:
        token = token_of(platform, scopes)
        try:
            permit = {"Authorization": f"Bearer {token}"}
            return outgoing.send(method, address, headers=permit | headers, content=content)
        except Unreachable as error:
            if error.status in (401, 403):
                tokens.pop((platform.pk, scopes), None)
            if error.status != 401 or token != kept:
                raise
            kept = ""


def token_of(platform: Platform, scopes: str = SCOPES) -> str:
    """Returns an access token of the platform, which this site asks for with a message that it signs.

    Raises:
        Unreachable: the platform gives none.
    """
    kept, ends = tokens.get((platform.pk, scopes), ("", 0.0))
    if kept and ends > time.monotonic():
        return kept
    now = int(time.time())
    claims = {
        "iss": platform.client_id,
        "sub": platform.client_id,
        "aud": platform.token_url,
        "iat": now,
        "exp": now + 300,
        "jti": secrets.token_urlsafe(24),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": keys.signed(claims),
        "scope": scopes,
    }
    try:
        given = outgoing.send("POST", platform.token_url, form=form).json()
    except Unreachable as error:
        said = _("It gives this site no access: %(why)s") % {"why": error}
        # Whatever the platform has against the question, it is no answer to a grade.
        status = 401 if 400 <= error.status < 500 and error.status != 429 else error.status
        raise Unreachable(said, status=status, retry_after=error.retry_after) from None
    token, lasts = (given.get("access_token"), given.get("expires_in", 60)) if isinstance(given, dict) else (None, 60)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not 0 < len(token) < TOKEN_CHARS:
        raise Unreachable(_("It gives this site no access: its answer has no token."), status=401)
    seconds = min(lasts, 3600) - 30 if isinstance(lasts, int | float) and lasts > 60 else 0
    tokens[platform.pk, scopes] = token, time.monotonic() + seconds
    return token


@transaction.atomic
def _arrived(platform: Platform, row: Delivery) -> None:
    held = _held(row)
    if held is None:
        return
    held.delivered, held.delivered_at = held.sending, timezone.now()
    held.sending = held.body = None
    held.tries, held.fault = 0, ""
    is_last = held.wanted == held.delivered
    held.state = Delivery.State.DELIVERED if is_last else Delivery.State.WAITING
    held.due_at = None if is_last else timezone.now()
    held.save()
    failpoints.reach("sent.uncommitted")
    Platform.objects.filter(pk=platform.pk).exclude(rests=0).update(rests=0, rest_until=None, rest_fault="")


def _held(row: Delivery) -> Delivery | None:
    """Locks the row again. Returns None if another process has brought this sending to its end meanwhile."""
    return Delivery.objects.select_for_update().filter(pk=row.pk, stamp=row.stamp, body__isnull=False).first()


def _failed(platform: Platform, row: Delivery, error: Unreachable) -> bool:
    """Decides what a refusal means: for this grade, or for all of the platform."""
    if error.status in (400, 409, 422):
        try:
            is_there = _is_there(platform, row)
        except Unreachable as unread:
            if unread.status not in SHOWS_NONE:
                # Nothing is decided before the results are read.
                _rest(platform, row, unread)
                return False
            is_there = False
        if is_there:
            _arrived(platform, row)
            return True
        _refuse(row, told(error))
    elif error.status in (404, 410):
        _refuse(row, told(error))
    else:
        # Without access, too many requests, a fault of the platform, or no answer at all.
        _rest(platform, row, error)
    return False


def _is_there(platform: Platform, row: Delivery) -> bool:
    """Asks the platform what the cell says: a body that has arrived before is refused for its timestamp.

    Raises:
        Unreachable: the platform does not say.
    """
    address = beside(row.line_item.url, "results")
    address += ("&" if urlsplit(address).query else "?") + f"user_id={quote(row.link.sub, safe='')}"
    found = permitted(platform, SCOPES, "GET", address, {"Accept": RESULTS}).json()
    mine = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    mine = [one for one in mine if str(one.get("userId")) == row.link.sub]
    shown = [one.get("resultScore") for one in mine if one.get("resultScore") is not None]
    sent = row.sending or {}
    if not sent.get("given"):
        return isinstance(found, list) and not shown
    given, most = float(sent["given"]), float(sent["maximum"])
    if most <= 0:
        return False
    for one in mine:
        score, of = one.get("resultScore"), one.get("resultMaximum") or most
        if isinstance(score, int | float) and isinstance(of, int | float) and of > 0:
            return _is_share(score, of, given / most)
    return False


def _is_share(score: float, of: float, share: float) -> bool:
    try:
        return abs(score / of - share) < 0.0001
    except OverflowError:  # a whole number with hundreds of digits
        return False


@transaction.atomic
def _refuse(row: Delivery, said: str) -> None:
    """The platform does not take this grade. It is tried again with a new timestamp, less and less often."""
    held = _held(row)
    if held is not None:
        held.sending = held.body = None
        held.state, held.tries = Delivery.State.REFUSED, held.tries + 1
        held.due_at, held.fault = timezone.now() + backoff(held.tries), said[:REFUSAL_CHARS]
        held.save()


@transaction.atomic
def _rest(platform: Platform, row: Delivery, error: Unreachable) -> None:
    """The platform rests. What was sent is sent again as it was, because it may have arrived."""
    held = _held(row)
    if held is not None:
        held.tries, held.fault = min(held.tries + 1, 1000), told(error)[:REFUSAL_CHARS]
        # Others go first then, in case the platform has something against this one alone.
        held.due_at = timezone.now() + backoff(held.tries)
        held.save(update_fields=["tries", "fault", "due_at"])
    kept = Platform.objects.select_for_update().get(pk=platform.pk)
    now = timezone.now()
    if kept.rest_until is None or kept.rest_until <= now:
        kept.rests = min(kept.rests + 1, 1000)
        wait = max(backoff(kept.rests), min(timedelta(seconds=error.retry_after), MOST))
        kept.rest_until, kept.rest_fault = now + wait, told(error)[:REFUSAL_CHARS]
        kept.save(update_fields=["rests", "rest_until", "rest_fault"])
        log.warning("platform_rests", platform=kept.pk, seconds=wait.total_seconds(), status=error.status)


def told(error: Unreachable) -> str:
    """Returns what went wrong, and whom operators ask for what."""
    return f"{error} {advice.of_sending(error.status)}"


def backoff(tries: int) -> timedelta:
    """Returns a minute, then two, then four, and a day at most."""
    factor: int = 2 ** min(tries - 1, 12)
    return min(LEAST * factor, MOST)
