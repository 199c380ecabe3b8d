"""Reads about attempts. The database's slots are the truth; these only tell it."""

from datetime import date

from gradus.accounts.models import User
from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.submissions.models import QuotaSlot


def day_of(challenge: Challenge) -> date:
    """Today in the course's time zone."""
    return days.today(challenge.lesson.course.timezone)


def attempts_left(user: User | None, challenge: Challenge) -> int:
    """Attempts left today, in the course's time zone; 0 also where a new version allows fewer than were used."""
    allowed = challenge.spec.limits.attempts_per_day
    if user is None:
        return allowed
    used = QuotaSlot.objects.filter(user=user, challenge=challenge, day=day_of(challenge)).count()
    return max(0, allowed - used)
