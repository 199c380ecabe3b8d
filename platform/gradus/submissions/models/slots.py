"""What learners have used: numbered slots, which parallel requests cannot share, and hints."""

from typing import Protocol, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from challenges.texts import several
from gradus.courses.models import Challenge
from gradus.submissions.models.evaluations import Run, Submission


class Named(Protocol):
    """What uses are counted of: an entry of `budgets/limits.py`."""

    @property
    def name(self) -> str: ...


class SlotQuerySet(models.QuerySet["Slot"]):
    def of(self, *limits: Named) -> Self:
        """Those in use of these limits."""
        return self.filter(limit__in=[limit.name for limit in limits])


class Slot(models.Model):
    """One use of a limit, such as an attempt of a day, under a number from 1 to what was allowed when it was taken.

    `budgets/limits.py` has the limits, and `budgets/slots.py` writes the rows. The unique keys settle which of two
    parallel requests gets a number. What is not a submission or run points at its slot.
    """

    limit = models.CharField(max_length=40, help_text="The name of an entry of limits.py")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="slots")
    scope = models.CharField(max_length=200, blank=True, help_text="What has numbers of its own, beside the user")
    period = models.CharField(
        max_length=10, blank=True, help_text="A day in the course's time zone, as 2026-11-29, or empty for all time"
    )
    number = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.ForeignKey(Submission, models.CASCADE, null=True, related_name="slots")
    run = models.ForeignKey(Run, models.CASCADE, null=True, related_name="slots")

    objects = SlotQuerySet.as_manager()

    class Meta:
        constraints = [
            # Two rows without a user never count as equal here, so these have the key that follows.
            models.UniqueConstraint(name="one_use_of_a_number", fields=["limit", "user", "scope", "period", "number"]),
            models.UniqueConstraint(
                name="one_use_of_a_number_without_a_user",
                fields=["limit", "scope", "period", "number"],
                condition=Q(user__isnull=True),
            ),
            models.CheckConstraint(name="number_within_allowed", condition=Q(number__gte=1, number__lte=F("allowed"))),
            models.CheckConstraint(
                name="a_limit_is_of_somebody_or_something", condition=Q(user__isnull=False) | ~Q(scope="")
            ),
            models.CheckConstraint(
                name="a_slot_is_of_one_thing",
                condition=Q(submission__isnull=False, run__isnull=True)
                | Q(submission__isnull=True, run__isnull=False)
                # A report and a set of a finding point at their slots.
                | Q(submission__isnull=True, run__isnull=True, limit__in=["reports", "sets"]),
            ),
            models.CheckConstraint(
                name="one_at_a_time", condition=~Q(limit__in=["open_chats", "open_measurement"]) | Q(allowed=1)
            ),
            models.UniqueConstraint(name="one_slot_of_a_submission", fields=["limit", "submission"]),
            models.UniqueConstraint(name="one_slot_of_a_run", fields=["limit", "run"]),
            # These two limits, and the two of open runs, are one thing that is counted in two ways.
            models.UniqueConstraint(
                name="given_back_once",
                fields=["submission"],
                condition=Q(limit__in=["cancelled_running", "cancelled_waiting"]),
            ),
            models.UniqueConstraint(
                name="open_once", fields=["run"], condition=Q(limit__in=["open_runs", "open_chats"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.number} of {self.allowed}"


class HintsTaken(models.Model):
    """How many hints of a challenge a learner has seen; a hint costs nothing, but the path may tell."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "hints taken"
        constraints = [
            models.UniqueConstraint(name="one_count_of_hints", fields=["user", "challenge"]),
            models.CheckConstraint(name="three_hints", condition=Q(count__lte=3)),
        ]

    def __str__(self) -> str:
        return several(self.count, "hint")
