"""Attempts that staff have run again to see whether the score comes out again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from challenges.shown_score import floor_to_step
from gradus.submissions.models.evaluations import Run, Submission


class Rerun(models.Model):
    """A grading of an attempt that never counts: it is a run of its own, and no evaluation of the attempt.

    `value` and `before` are scores in [0, 1] on all hidden rows, as they were computed; `before` is that of the attempt
    when this was asked for. Only staff may read any of it.
    """

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="reruns")
    # The run goes after some days; what came of it stays.
    run = models.OneToOneField(Run, models.SET_NULL, null=True, related_name="rerun")
    seed = models.PositiveBigIntegerField(help_text="The training seed; 0 where nothing is trained")
    own_seed = models.BooleanField(help_text="The seed is that of the attempt")
    before = models.FloatField()
    step = models.FloatField()
    value = models.FloatField(null=True, blank=True)
    engine_profile = models.CharField(max_length=80, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_rerun_of_a_seed", fields=["submission", "seed"], condition=Q(finished_at=None)
            ),
            models.CheckConstraint(
                name="a_rerun_ends_with_a_score_or_an_error",
                condition=Q(finished_at=None, value=None, error_code="")
                | Q(finished_at__isnull=False, value__gte=0, value__lte=1, error_code="")
                | (Q(finished_at__isnull=False, value=None) & ~Q(error_code="")),
            ),
        ]

    def __str__(self) -> str:
        return f"rerun of {self.submission} with seed {self.seed}"

    @property
    def shown(self) -> float | None:
        """The score rounded down as learners' scores are."""
        return None if self.value is None else floor_to_step(self.value, self.step)

    @property
    def shown_before(self) -> float:
        return floor_to_step(self.before, self.step)

    @property
    def difference(self) -> float | None:
        """By how much the score is above that of the attempt, both as they were computed."""
        return None if self.value is None else self.value - self.before

    @property
    def differs(self) -> bool:
        """True if the difference is more than a step."""
        return self.difference is not None and round(abs(self.difference) - self.step, 9) > 0
