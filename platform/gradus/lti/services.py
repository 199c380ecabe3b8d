"""What operators decide about learning platforms: which there are, which deployments work, which course is which class.

Each change is written to the log of staff actions.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus import outgoing
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class
from gradus.lti import columns, keys
from gradus.lti.models import Context, Deployment, Platform, RegistrationLink
from gradus.refusal import Refused, refuse_broken, wrong

What = StaffAction.What
# Whose people these are never changes, because an account belongs to a person of one platform.
FIXED = ("issuer", "client_id")
CHANGEABLE = ("title", "auth_url", "token_url", "keys_url", "hosts")
ADDRESSES = ("auth_url", "token_url", "keys_url")
IS_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


def refuse_unless_operator(by: User) -> None:
    """Raises `Refused` (403) unless the person runs the site."""
    if not (by.is_staff and by.is_active):
        raise Refused("missing_role", _("Only staff of the site may do this."), 403)


def add(*, by: User, **values: str) -> Platform:
    """Registers a platform, makes this site's first key, and asks the platform for its keys.

    Raises:
        Refused: 403, the person may not; 422, a value is wrong; 409, `platform_known`: it is registered already.
    """
    refuse_unless_operator(by)
    platform = Platform(created_by=by, **{name: values[name].strip() for name in (*FIXED, *CHANGEABLE)})
    check(platform)
    keys.ensure()
    with transaction.atomic():
        platform.save()
        note_registered(platform)
    keys.fetch(platform)
    return platform


def note_registered(platform: Platform, *, by_link: bool = False) -> None:
    more = {"registered": True, **({"by_link": True} if by_link else {})}
    staff.note(What.PLATFORM_CHANGED, platform, by=platform.created_by, after={**_facts(platform), **more})


def change(platform: Platform, *, by: User, **values: str) -> Platform:
    """Changes a platform's name and addresses, and asks for its keys at the new one. Raises as `add` does."""
    refuse_unless_operator(by)
    with transaction.atomic():
        held = Platform.objects.select_for_update().get(pk=platform.pk)
        before = _facts(held)
        for name in CHANGEABLE:
            setattr(held, name, values[name].strip())
        check(held)
        if before["keys_url"] != held.keys_url:
            held.keys, held.keys_at = None, None
        held.save()
        _note_change(held, by, before)
    if before["keys_url"] != held.keys_url:
        keys.fetch(held)
    return held


@transaction.atomic
def open_or_close(platform: Platform, *, by: User, is_open: bool) -> None:
    """Lets people come from the platform, or lets nobody come. What they have done stays.

    It also approves a platform that has registered itself.
    """
    refuse_unless_operator(by)
    held = Platform.objects.select_for_update().get(pk=platform.pk)
    before = _facts(held)
    held.is_open = is_open
    held.save(update_fields=["is_open"])
    if is_open:
        RegistrationLink.objects.filter(platform=held, approved_at=None).update(approved_at=timezone.now())
    _note_change(held, by, before)


@transaction.atomic
def approve(deployment: Deployment, *, by: User, approved: bool = True) -> None:
    """Lets people come from a deployment, or ends that."""
    refuse_unless_operator(by)
    held = Deployment.objects.select_for_update(of=("self",)).select_related("platform").get(pk=deployment.pk)
    if (held.approved_at is not None) == approved:
        return
    held.approved_at, held.approved_by = (timezone.now(), by) if approved else (None, None)
    held.save(update_fields=["approved_at", "approved_by"])
    after = {"deployment": held.deployment_id, "approved": approved}
    staff.note(What.PLATFORM_CHANGED, held.platform, by=by, after=after)


@transaction.atomic
def connect(context: Context, of_class: Class | None, *, by: User) -> None:
    """Connects a course of the platform with a class, or with none. Members of the class stay.

    While a course has no class, none of its grades are sent. When it gets another class, the platform is asked to take
    back the grades of the earlier one.

    Raises:
        Refused: 403, the person may not; 409, `class_taken`: the class is another course of a platform.
    """
    refuse_unless_operator(by)
    held = Context.objects.select_for_update(of=("self",)).select_related("deployment__platform").get(pk=context.pk)
    if of_class is not None and Context.objects.filter(of_class=of_class).exclude(pk=held.pk).exists():
        raise wrong("of_class", _("This class is another course of a platform already."), "class_taken", 409)
    before, after = held.of_class_id, of_class.pk if of_class else None
    if before != after:
        held.of_class = of_class
        held.roster_at, held.roster_found, held.roster_fault = None, {}, ""
        held.roster_due_at = timezone.now() if of_class and held.roster_url else None
        held.save(update_fields=["of_class", "roster_at", "roster_found", "roster_fault", "roster_due_at"])
        if of_class:
            columns.recall(held)
        details = {"course": held.context_id, "before": {"class": before}, "after": {"class": after}}
        staff.note(What.PLATFORM_CHANGED, held.deployment.platform, by=by, **{"class": after or before}, **details)


def check(platform: Platform) -> None:
    """Raises `Refused` where a value of a platform is wrong, or where it is registered already."""
    for name in (*FIXED, *CHANGEABLE):
        refuse_broken(name, getattr(platform, name))
    for name in ADDRESSES:
        address = getattr(platform, name)
        if address and (said := outgoing.problem_of(address)):
            raise wrong(name, said)
    if not all(IS_HOST.fullmatch(one) for one in platform.hosts.lower().split()):
        said = _("Write names of hosts alone, separated by spaces, such as school.instructure.com.")
        raise wrong("hosts", said)
    try:
        platform.full_clean()
    except ValidationError as error:
        found = error.message_dict.items()
        problems: list[dict[str, Any]] = [
            {"code": "invalid", "field": "issuer" if field == "__all__" else field, "message": text}
            for field, texts in found
            for text in texts
        ]
        raise Refused("invalid", problems[0]["message"], 422, problems) from None


def _facts(platform: Platform) -> dict[str, Any]:
    return {name: getattr(platform, name) for name in (*FIXED, *CHANGEABLE, "is_open")}


def _note_change(platform: Platform, by: User, before: dict[str, Any]) -> None:
    after = _facts(platform)
    changed = {name for name in after if after[name] != before[name]}
    if changed:
        old, new = ({name: side[name] for name in changed} for side in (before, after))
        staff.note(What.PLATFORM_CHANGED, platform, by=by, before=old, after=new)
