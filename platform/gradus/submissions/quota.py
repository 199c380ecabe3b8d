"""Reads about attempts. The database's slots are the truth; these only tell it."""

from datetime import date
from zoneinfo import ZoneInfo

from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.models import QuotaSlot


def day_of(challenge: Challenge) -> date:
    """Today in the course's time zone."""
    return timezone.now().astimezone(ZoneInfo(challenge.lesson.course.timezone)).date()


def used_slots(user: User, challenge: Challenge, day: date) -> set[int]:
    return set(QuotaSlot.objects.filter(user=user, challenge=challenge, day=day).values_list("slot", flat=True))


def attempts_left(user: User | None, challenge: Challenge) -> int:
    """Attempts left today, in the course's time zone."""
    allowed = challenge.spec.limits.attempts_per_day
    return allowed - len(used_slots(user, challenge, day_of(challenge))) if user else allowed
