"""Helpers of all services of classes: the lock, the log, and the check for changes by somebody else in the meantime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import REASON_CHARS, Announcement, Class, Label, Member, ReleaseRule
from gradus.refusal import Refused, refuse_broken, too_long, wrong


def hold(of_class: Class | int) -> Class:
    """Locks the row of the class until the transaction ends, and returns the row freshly read."""
    key = of_class.pk if isinstance(of_class, Class) else of_class
    return Class.objects.select_for_update(no_key=True).get(pk=key)


def hold_free(of_class: int) -> bool:
    """Locks the class as `hold` does, but never waits: returns False if another transaction holds it."""
    skips = connection.features.has_select_for_update_skip_locked
    return Class.objects.select_for_update(no_key=True, skip_locked=skips).filter(pk=of_class).first() is not None


def version_of(values: Mapping[str, Any]) -> str:
    """Returns a short digest of these values, which a form carries so that a service can detect changes.

    It is "0" if there are none, such as for a rule that does not exist.
    """
    if not values:
        return "0"
    text = json.dumps(dict(values), sort_keys=True, cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def refuse_changed(seen: str, now: Mapping[str, Any]) -> None:
    """Raises `Refused` (409, `changed_meanwhile`) unless `seen` is empty or equal to `version_of(now)`."""
    if seen and seen != version_of(now):
        said = _("Somebody else changed this in the meantime. Look at how it is now, and save again if need be.")
        raise Refused("changed_meanwhile", said, 409)


def reason(text: str, why: str | Promise, *, required: bool = True) -> str:
    """Returns the reason for a change as one line.

    Raises:
        Refused: 422, it contains broken characters, is too long, or is required and missing: `why` tells the person
            what it is for.
    """
    refuse_broken("reason", text)
    line = " ".join(text.split())
    if len(line) > REASON_CHARS:
        raise too_long("reason", line, REASON_CHARS)
    if required and not line:
        raise wrong("reason", str(why), "reason_needed")
    return line


def clean(row: Class | Label | Member | ReleaseRule | Announcement) -> None:
    """Raises `Refused` (422) if Django's validation of the row fails, with a problem for each wrong field."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        if isinstance(value, str):
            refuse_broken(field.name, value)
    try:
        row.full_clean()
    except ValidationError as error:
        found = [(field, text) for field, texts in error.message_dict.items() for text in texts]
        problems = [
            {"code": "invalid", "field": "" if field == "__all__" else field, "message": text} for field, text in found
        ]
        raise Refused("invalid", found[0][1], 422, problems) from None


def note(
    what: StaffAction.What, of_class: Class, by: User, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Writes a change of the class to the log of staff actions, with the values before and after."""
    changed = {name for name in after if before.get(name) != after[name]}
    old, new = ({name: side.get(name) for name in changed} for side in (before, after))
    staff.note(what, of_class, by=by, **{"class": of_class.pk}, before=plain(old), after=plain(new))


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values converted to JSON types."""
    as_json: dict[str, Any] = json.loads(json.dumps(dict(values), cls=DjangoJSONEncoder))
    return as_json
