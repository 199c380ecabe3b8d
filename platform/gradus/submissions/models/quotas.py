"""What a course or a class may use: budgets that people set, with what is used and held of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.classes.models import Class
from gradus.courses import days
from gradus.courses.models import Course
from gradus.submissions.models.evaluations import Evaluation


class QuotaQuerySet(models.QuerySet["Quota"]):
    def in_force(self) -> Self:
        return self.filter(ended_at=None)

    def about(self, course: int, of_class: int | None) -> Self:
        """Returns those of a course, with those of one of its classes, always in one order."""
        return self.filter(Q(course=course) | Q(of_class=of_class, of_class__isnull=False)).order_by("pk")


class Quota(models.Model):
    """A budget of a course, or of a class of it. It is never changed: another one follows it, and it ends.

    `allowed` is a number of attempts (of each learner on each day), seconds of training, calls to the judge, or
    millionths of the unit of the judge's currency. It holds for each `period`, whose days and months are those of the
    course's time zone. Who set it is in the log of staff actions.
    """

    class What(models.TextChoices):
        ATTEMPTS = "attempts", _("Attempts of each learner")
        TRAINING = "training", _("Training time")
        CALLS = "calls", _("Calls to the judge")
        MONEY = "money", _("Money for the judge")

    class Period(models.TextChoices):
        DAY = "day", _("each day")
        MONTH = "month", _("each month")
        WHOLE = "whole", _("in all")

    course = models.ForeignKey(Course, models.CASCADE, null=True, related_name="quotas")
    of_class = models.ForeignKey(Class, models.CASCADE, null=True, related_name="quotas")
    what = models.CharField(max_length=8, choices=What.choices)
    period = models.CharField(max_length=5, choices=Period.choices)
    allowed = models.PositiveBigIntegerField()
    set_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    objects = QuotaQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="a_quota_is_of_a_course_or_a_class",
                condition=Q(course__isnull=True, of_class__isnull=False)
                | Q(course__isnull=False, of_class__isnull=True),
            ),
            models.UniqueConstraint(
                name="one_quota_of_a_course", fields=["course", "what"], condition=Q(ended_at=None)
            ),
            models.UniqueConstraint(
                name="one_quota_of_a_class", fields=["of_class", "what"], condition=Q(ended_at=None)
            ),
            models.CheckConstraint(name="attempts_are_those_of_a_day", condition=~Q(what="attempts") | Q(period="day")),
            models.CheckConstraint(
                name="a_quota_is_of_a_kind",
                condition=Q(what__in=["attempts", "training", "calls", "money"], period__in=["day", "month", "whole"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.of_class or self.course}"

    @property
    def zone(self) -> str:
        course = self.of_class.course if self.of_class else self.course
        assert course is not None
        return course.timezone

    @property
    def first_day(self) -> date | None:
        """When the period that runs began. None is before everything."""
        today = days.today(self.zone)
        if self.period == self.Period.WHOLE:
            return None
        return today if self.period == self.Period.DAY else today.replace(day=1)

    @property
    def began(self) -> datetime | None:
        return days.midnight(self.first_day, self.zone) if self.first_day else None

    @property
    def begins_anew(self) -> date | None:
        """When the next period begins, if there is one."""
        if self.first_day is None:
            return None
        if self.period == self.Period.DAY:
            return self.first_day + timedelta(days=1)
        return (self.first_day + timedelta(days=32)).replace(day=1)

    @property
    def running(self) -> str:
        """The name of the period that runs, as it is stored."""
        return self.first_day.isoformat() if self.first_day else ""


class QuotaUse(models.Model):
    """What is used of a quota in one of its periods, and what is held for work that has not ended.

    A trigger lets nothing be held beyond what is allowed. What was used is what was measured, so it may be more: a
    training that runs is never stopped for it.
    """

    quota = models.ForeignKey(Quota, models.CASCADE, related_name="uses")
    period = models.CharField(max_length=10, blank=True, help_text="The first day of it, or empty for all time")
    used = models.PositiveBigIntegerField(default=0)
    held = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_use_of_a_period", fields=["quota", "period"])]

    def __str__(self) -> str:
        return f"{self.quota}, {self.period or 'in all'}: {self.used} and {self.held} held"


class QuotaHold(models.Model):
    """What an evaluation that has not ended holds of a quota: what it may need at most."""

    use = models.ForeignKey(QuotaUse, models.CASCADE, related_name="holds")
    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="quota_holds")
    amount = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} for {self.evaluation}"
