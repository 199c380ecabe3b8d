"""Fetches the roster of a platform's course (names and roles), and has the members of its class follow it.

A roster is read to its end before anything changes, so that a platform that breaks off or answers nonsense changes
nothing. Its people are found by the platform's own id of them, never by an address.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus import database_away, outgoing
from gradus.accounts.models import User
from gradus.accounts.roles import DECIDES
from gradus.accounts.token_rules import LearnerData
from gradus.classes import managed, membership
from gradus.classes.models import NAME_CHARS, Class, Managed, Member
from gradus.lti import accounts, columns, sending
from gradus.lti.messages import level_of, text_of
from gradus.lti.models import REFUSAL_CHARS, Context, Link, Platform, source_of
from gradus.outgoing import Unreachable
from gradus.refusal import Refused

log = structlog.get_logger(__name__)
SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
ACCEPT = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
# What is read of one roster at most, in pages, people and seconds, and how many rosters in one round.
PAGES, PEOPLE, SECONDS, AT_ONCE = 200, 5000, 60.0, 5
# Launches have it fetched at most this often, and people.
AFTER_LAUNCHES, BY_HAND = timedelta(hours=1), timedelta(minutes=1)
MOST_WAIT = timedelta(days=1)
IS_LINK = re.compile(r"<([^<>]*)>([^<]*)")
IS_NEXT = re.compile(r';\s*rel\s*=\s*(?:"next"|next\b)', re.IGNORECASE)


@dataclass
class Person:
    roles: list[str] = field(default_factory=list)
    first_name: str = ""
    last_name: str = ""


def offered(of_class: Class, platform: Platform, url: str) -> None:
    """Keeps the address that a launch has brought, and has the roster fetched if that was an hour ago."""
    if not url:
        return
    if columns.problem_of(platform, url):
        columns.note_fault(platform, _foreign(url))
        return
    now = timezone.now()
    of_context = Context.objects.filter(of_class=of_class)
    of_context.exclude(roster_url=url).update(roster_url=url)
    long_ago = Q(roster_tried_at=None) | Q(roster_tried_at__lt=now - AFTER_LAUNCHES)
    of_context.filter(long_ago, roster_due_at=None).update(roster_due_at=now)


def _foreign(url: str) -> str:
    said = _("The roster is at %(host)s, which is not a host of this platform. If it is, add it to its addresses.")
    return said % {"host": _origin(url)[1] or "-"}


def ask(of_class: Class, *, by: User) -> None:
    """Has the roster fetched soon, because somebody who decides in the class wants it.

    Raises:
        Refused: 403, the person may not; 409, the class has no roster at a platform that is open here; 429, it was
            fetched just now.
    """
    membership.refuse_unless(by, of_class, DECIDES)
    now = timezone.now()
    found = Context.objects.filter(of_class=of_class).exclude(roster_url="")
    context = found.select_related("deployment__platform").first()
    if context is None:
        raise Refused("no_roster", _("The platform has offered no roster of this class."), 409)
    columns.refuse_closed(context.deployment)
    if context.roster_tried_at is not None and context.roster_tried_at > now - BY_HAND:
        raise Refused("roster_fresh", _("The roster was asked for less than a minute ago."), 429, retry_after=60)
    Context.objects.filter(pk=context.pk).update(roster_due_at=now)


def run() -> int:
    """Fetches the rosters that are due. Returns how many came."""
    due = Context.objects.filter(
        roster_due_at__lte=timezone.now(),
        of_class__isnull=False,
        deployment__approved_at__isnull=False,
        deployment__platform__is_open=True,
    ).exclude(roster_url="")
    done = 0
    for context in due.select_related("deployment__platform", "of_class").order_by("roster_due_at")[:AT_ONCE]:
        # Of several processes, one fetches it. If that one stops, another does later.
        own, now = Context.objects.filter(pk=context.pk, roster_due_at=context.roster_due_at), timezone.now()
        if not own.update(roster_due_at=now + Context.HELD, roster_tried_at=now):
            continue
        context.roster_due_at = now + Context.HELD
        try:
            done += follow(context)
        except database_away.ERRORS:
            raise
        except Exception as error:  # whatever is wrong with this roster: all others are fetched
            log.exception("roster_failed", context=context.pk, reason=type(error).__name__)
            _end(context, _("This site could not follow the roster to its end. Its log says why."))
    return done


def follow(context: Context) -> bool:
    """Fetches a roster and has the class follow it. Returns False, and notes why, where the platform gives none."""
    assert context.of_class is not None
    began = timezone.now()
    try:
        people = fetch(context)
    except Unreachable as error:
        wait = min(timedelta(seconds=error.retry_after), MOST_WAIT)
        _end(context, _("%(why)s Nothing was changed.") % {"why": error}, due=began + wait if wait else None)
        log.warning("roster_refused", context=context.pk, status=error.status)
        return False
    if not Context.objects.filter(pk=context.pk, of_class=context.of_class).exists():
        # An operator has connected another class meanwhile, which has it fetched for that one.
        return False
    found = _apply(context, context.of_class, people, began)
    _end(context, "", roster_at=began, roster_found=found)
    return True


def _end(context: Context, fault: str, *, due: datetime | None = None, **values: Any) -> None:
    """Notes what became of a roster. It stays due if somebody has asked for it again meanwhile."""
    kept = Context.objects.filter(pk=context.pk, of_class=context.of_class)
    kept.update(roster_fault=fault[:REFUSAL_CHARS], **values)
    kept.filter(roster_due_at=context.roster_due_at).update(roster_due_at=due)


def fetch(context: Context) -> dict[str, Person]:
    """Returns the active people of the platform's course, by the platform's ids of them.

    Raises:
        Unreachable: the platform gives no roster, or one that cannot be right.
    """
    platform, url, seen = context.deployment.platform, context.roster_url, set[str]()
    ends, people = time.monotonic() + SECONDS, dict[str, Person]()
    while url:
        if time.monotonic() > ends:
            raise Unreachable(_("The roster takes too long."))
        if len(seen) >= PAGES or url in seen:
            raise Unreachable(_("The roster has no end."))
        seen.add(url)
        if columns.problem_of(platform, url):
            raise Unreachable(_foreign(url), is_certain=True)
        answer = sending.permitted(platform, SCOPE, "GET", url, {"Accept": ACCEPT})
        for sub, person in _people(answer.json(), context):
            other = people.setdefault(sub, person)
            if other is not person:
                other.roles += person.roles
        if len(people) > PEOPLE:
            raise Unreachable(_("The roster has too many people."))
        url = _next(answer, url)
    if not people:
        raise Unreachable(_("The roster is empty, or does not say who the people are."))
    return people


def _people(page: Any, context: Context) -> Iterator[tuple[str, Person]]:
    listed = page.get("members") if isinstance(page, dict) else None
    course = page.get("context") if isinstance(page, dict) else None
    if not isinstance(listed, list):
        raise Unreachable(_("The platform's answer is not a roster."))
    if isinstance(course, dict) and course.get("id") not in (None, context.context_id):
        raise Unreachable(_("The platform's answer is the roster of another course."))
    for one in listed:
        if not isinstance(one, dict) or one.get("status", "Active") != "Active":
            continue
        sub, roles = text_of(one, "user_id"), one.get("roles")
        if sub and isinstance(roles, list) and all(isinstance(role, str) for role in roles):
            first, last = (text_of(one, name, NAME_CHARS) for name in ("given_name", "family_name"))
            yield sub, Person(list(roles), first, last or text_of(one, "name", NAME_CHARS))


def _next(answer: outgoing.Answer, url: str) -> str:
    """Returns the address of the next page, or "". It is of the same host, because the access token goes there."""
    found: str
    for header in answer.headers.get_list("Link"):
        for target, parameters in IS_LINK.findall(header):
            if IS_NEXT.search(parameters):
                try:
                    found = urljoin(url, target)
                except ValueError:
                    found = ""
                if _origin(found) != _origin(url):
                    raise Unreachable(_("The next page of the roster is at another address, which is not asked."))
                return found
    return ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None


def _apply(context: Context, of_class: Class, people: dict[str, Person], began: datetime) -> dict[str, int]:
    """Has the members follow the roster: each has the role there, and who is in it no longer has left."""
    platform = context.deployment.platform
    source = source_of(platform)
    rows = Managed.objects.filter(member__of_class=of_class, source=source)
    before = {row.member.user_id: row for row in rows.select_related("member")}
    links = dict(Link.objects.filter(platform=platform).values_list("sub", "user"))
    # After the links: who is deleted meanwhile is in one of both.
    gone = accounts.deleted_of(platform)
    found, present = {"all": len(people), "new": 0, "changed": 0, "left": 0}, set[int]()
    for sub, person in people.items():
        user = links.get(sub)
        if user is None:
            if gone and accounts.digest_of(platform.pk, sub) in gone:
                continue
            user = _account(platform, sub).pk
        present.add(user)
        row = before.get(user)
        place = managed.Place(of_class.pk, LearnerData(level_of(person.roles)), (), person.first_name, person.last_name)
        if row is not None and _agrees(row, row.member, place):
            continue
        if _follow(user, source, place):
            found["new" if row is None else "changed"] += 1
    for key, row in before.items():
        # Who came from the platform in the meantime is in its course, although not on this roster.
        if key is not None and key not in present and row.changed_at < began:
            managed.follow_one(User.objects.get(pk=key), source, of_class.pk, None, rules=True)
            found["left"] += 1
    return found


def _follow(user: int, source: str, place: managed.Place) -> bool:
    """Gives the person the place, unless the account is closed. Returns True if that changed the member."""
    account = User.objects.get(pk=user)
    if not account.is_active:
        return False
    of_person = Member.objects.filter(of_class=place.of_class, user=user)
    seen = of_person.values_list("state", "learner_data", "first_name", "last_name")
    before = seen.first()
    managed.follow_one(account, source, place.of_class, place, rules=True)
    return seen.first() != before


def _agrees(row: Managed, member: Member, place: managed.Place) -> bool:
    names = (place.first_name or member.first_name, place.last_name or member.last_name)
    return (
        member.is_active
        and row.learner_data == member.learner_data == place.learner_data
        and (member.first_name, member.last_name) == names
    )


def _account(platform: Platform, sub: str) -> User:
    """Returns the account of a person whom the platform names, a new one without a password for the first time."""
    try:
        with transaction.atomic():
            return accounts.link(platform, sub)
    except IntegrityError:
        # The person's first launch was quicker.
        return Link.objects.select_related("user").get(platform=platform, sub=sub).user
