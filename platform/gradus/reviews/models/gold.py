"""Answers with a person's marks, and the consent to make them of decisions."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Challenge
from gradus.reviews.models.reviews import Review
from gradus.stored_json import JSONField


class GoldConsent(models.Model):
    """Says that decisions of reviewers about a question become gold rows by themselves, who allowed it and when.

    It holds for answers that are submitted from then on, until somebody who may edit the course revokes it.
    """

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="gold_consents")
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    given_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                name="one_standing_consent", fields=["challenge"], condition=Q(revoked_at__isnull=True)
            ),
            models.CheckConstraint(
                name="a_revocation_has_a_person",
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"gold rows of {self.challenge}"


def with_its_review(collector: Any, field: Any, rows: Any, using: str) -> None:
    """An `on_delete` that deletes gold rows made by consent together with their review; others stay without it.

    A person who keeps an answer has looked whether it names somebody. Nobody has looked at those made by consent, so
    they go with the learner's account.
    """
    models.CASCADE(collector, field, rows.filter(consent__isnull=False), using)
    models.SET_NULL(collector, field, rows.filter(consent__isnull=True), using)


class GoldRow(models.Model):
    """An answer with a person's marks, which the author can put into the bundle's `gold.jsonl`.

    Either a reviewer kept it, or it was made of a decision while a `consent` stood, which a trigger enforces.
    """

    class Role(models.TextChoices):
        PROMPT = "prompt", _("Prompt")
        CALIBRATION = "calibration", _("Calibration")
        TEST = "test", _("Test")

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="gold_rows")
    review = models.OneToOneField(Review, with_its_review, null=True, related_name="gold_row")
    consent = models.ForeignKey(GoldConsent, models.PROTECT, null=True, blank=True, related_name="rows")
    answer = models.TextField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the answer")
    marks = JSONField()
    # Without a default, because SQLite would make the table anew, which triggers of other tables do not allow.
    quoted = JSONField(null=True, editable=False, help_text="Rows of a run that the answer quotes, if any")
    role = models.CharField(max_length=11, choices=Role.choices, default=Role.CALIBRATION)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(name="an_answer_is_gold_once", fields=["challenge", "digest"]),
            models.CheckConstraint(name="gold_role_is_known", condition=Q(role__in=["prompt", "calibration", "test"])),
        ]

    def __str__(self) -> str:
        return f"{self.role} row of {self.challenge}"
