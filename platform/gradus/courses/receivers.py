"""Records when a course is published, hidden, listed or frozen, and lets the versions of a course go with it."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.courses.models import Course

FIELDS = ("is_published", "listing", "frozen_at", "reveal_at")


def before_save(sender: type[Course], instance: Course, raw: bool = False, **extra: Any) -> None:
    before = None if raw else Course.objects.filter(pk=instance.pk).values(*FIELDS).first()
    changed = {name: getattr(instance, name) for name in FIELDS if before and before[name] != getattr(instance, name)}
    if changed:
        told = json.loads(json.dumps(changed, cls=DjangoJSONEncoder))
        staff.note(StaffAction.What.COURSE_CHANGED, instance.slug, **told)


def before_delete(sender: type[Course], instance: Course, **extra: Any) -> None:
    """Empties the digest, in the transaction that removes the course: see the trigger `courses_courseversion_kept`."""
    Course.objects.filter(pk=instance.pk).update(digest="")
