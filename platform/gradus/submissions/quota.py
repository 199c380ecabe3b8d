"""Queries about attempts. The slots in the database enforce the quota; these functions only report it."""

from datetime import date

from gradus.accounts.models import User
from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.submissions.models import QuotaSlot


def day_of(challenge: Challenge) -> date:
    """Returns today's date in the time zone of the challenge's course."""
    return days.today(challenge.lesson.course.timezone)


def attempts_left(user: User | None, challenge: Challenge) -> int:
    """Returns how many attempts a learner has left today, in the time zone of the course.

    It is 0 if a new version allows fewer attempts than the learner has used.
    """
    allowed = challenge.spec.limits.attempts_per_day
    if user is None:
        return allowed
    used = QuotaSlot.objects.filter(user=user, challenge=challenge, day=day_of(challenge)).count()
    return max(0, allowed - used)
