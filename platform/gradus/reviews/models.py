from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from gradus.submissions.models import Evaluation, Submission


class ReviewQuerySet(models.QuerySet["Review"]):
    def waiting(self) -> Self:
        return self.filter(decided_at=None)


class Review(models.Model):
    """A grade that wants a person. Opened inside the transaction that records the grade."""

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="reviews")
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, related_name="review")
    reasons = models.JSONField(default=list)
    predicted = models.FloatField(help_text="The machine's score, by which the queue is sorted")
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    marks = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["predicted", "id"]
        constraints = [
            models.CheckConstraint(
                name="a_decision_has_a_person",
                condition=Q(decided_at__isnull=True, decided_by__isnull=True)
                | Q(decided_at__isnull=False, decided_by__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"review of {self.submission}"


class Appeal(models.Model):
    """A learner's wish that a person looks at a grade; one per evaluation."""

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="appeals")
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, related_name="appeal")
    text = models.TextField(max_length=2000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"appeal against {self.evaluation}"


class JudgeCall(models.Model):
    """One call to the judge, kept whole. Append-only; never shown to a learner."""

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, null=True, related_name="judge_calls")
    key = models.CharField(max_length=64, db_index=True)
    template = models.CharField(max_length=64)
    model = models.CharField(max_length=120)
    rung = models.CharField(max_length=20)
    request = models.JSONField()
    response = models.TextField(blank=True)
    reply = models.JSONField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"call {self.pk} to {self.model}"


class Budget(models.Model):
    """Judge tokens spent in a day: of a learner (`user:1`), a question (`challenge:x`), or the site (`site`)."""

    scope = models.CharField(max_length=80)
    day = models.DateField()
    spent = models.PositiveIntegerField(default=0)
    allowed = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_budget", fields=["scope", "day"]),
            models.CheckConstraint(name="within_budget", condition=Q(spent__lte=models.F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.day}: {self.spent} of {self.allowed}"
