"""Regrades, and the judge's calls with their budgets."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Challenge, ChallengeVersion
from gradus.stored_json import JSONField
from gradus.submissions.models import Evaluation


class Regrade(models.Model):
    """A shadow run: submissions are graded again, but the new grades count only if a person approves the run."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Approved")
        DISCARDED = "discarded", _("Discarded")

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="regrades")
    note = models.CharField(max_length=300, blank=True)
    version = models.ForeignKey(
        ChallengeVersion,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="By which it grades",
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="Whose attempts alone are graded again; empty if they are those of several",
    )
    left_out = JSONField(default=dict, help_text="Submissions that were not graded again, counted by reason")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="one_open_regrade", fields=["challenge"], condition=Q(ended_at__isnull=True)),
            models.CheckConstraint(
                name="an_ended_regrade_names_the_person",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, outcome="")
                | (Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(outcome="")),
            ),
        ]

    def __str__(self) -> str:
        return f"regrade {self.pk} of {self.challenge}"


class Regraded(models.Model):
    """A submission of a shadow run, with the evaluation that was current when the run began, and the new one."""

    regrade = models.ForeignKey(Regrade, models.CASCADE, related_name="items")
    old = models.ForeignKey(Evaluation, models.CASCADE, related_name="+")
    new = models.OneToOneField(Evaluation, models.CASCADE, related_name="regraded")
    adopted_at = models.DateTimeField(null=True, blank=True)
    kept_because = models.CharField(max_length=20, blank=True, help_text="Why the grade before it stayed")

    class Meta:
        verbose_name = "regraded submission"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="adopted_or_kept_for_a_reason", condition=Q(adopted_at__isnull=True) | Q(kept_because="")
            ),
            models.UniqueConstraint(name="regraded_once_in_a_run", fields=["regrade", "old"]),
        ]

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"


class JudgeCall(models.Model):
    """A call to the judge with its request and response. It is never shown to a learner.

    The table is append-only: the database refuses to change a row, or to delete it while its evaluation exists. When an
    account is deleted, the calls about its answers are deleted after their evaluations (`receivers.on_erased`).
    """

    evaluation = models.ForeignKey(Evaluation, models.DO_NOTHING, null=True, related_name="judge_calls")
    key = models.CharField(max_length=64, db_index=True)
    template = models.CharField(max_length=64)
    model = models.CharField(max_length=120)
    rung = models.CharField(max_length=20)
    request = JSONField()
    response = models.TextField(blank=True)
    reply = JSONField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    cost_micros = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Millionths of the currency's unit; none where a price is unknown"
    )
    currency = models.CharField(max_length=3, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"call {self.pk} to {self.model}"


class Budget(models.Model):
    """A daily budget for calls to the judge: of a learner (`user:1`), a question (`challenge:x`) or the site (`site`).

    `spent` and `allowed` are in tokens, `spent_micros` and `allowed_micros` in millionths of the currency's unit.
    """

    scope = models.CharField(max_length=160)
    day = models.DateField()
    spent = models.PositiveIntegerField(default=0)
    allowed = models.PositiveIntegerField()
    spent_micros = models.PositiveBigIntegerField(default=0)
    allowed_micros = models.PositiveBigIntegerField(null=True, blank=True, help_text="None is no limit")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_budget", fields=["scope", "day"]),
            models.CheckConstraint(name="within_budget", condition=Q(spent__lte=models.F("allowed"))),
            models.CheckConstraint(
                name="within_money",
                condition=Q(allowed_micros__isnull=True) | Q(spent_micros__lte=models.F("allowed_micros")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.day}: {self.spent} of {self.allowed}"
