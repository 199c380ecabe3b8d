"""Contributions of learners to the experiments of a lesson, and their predictions."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from gradus.courses.models import Lesson
from gradus.stored_json import JSONField
from gradus.submissions.models import Slot

# How sure a learner can be of a prediction.
SURE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.99)


class ContributionQuerySet(models.QuerySet["Contribution"]):
    def counted(self) -> Self:
        """Those that are dots of the figure, in the order in which they came."""
        return self.filter(counted_at__isnull=False, withdrawn_at=None).order_by("counted_at", "pk")

    def begun(self) -> Self:
        """Those whose arms have not all been run yet."""
        return self.filter(counted_at=None)


class Contribution(models.Model):
    """A set of a finding's arms that one learner runs, with examples that were drawn for this learner alone.

    `content` is the digest of the arms and of the challenge versions that are run, so that numbers of other content are
    never mixed in. `scores` are those on public rows, by challenge, arm and measure; they are there from when all arms
    have ended until the learner takes them back. `slot` is one of the sets of a day.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="contributions")
    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="contributions")
    finding = models.CharField(max_length=64)
    content = models.CharField(max_length=64)
    number = models.PositiveSmallIntegerField(help_text="The set's number, above the author's")
    slot = models.OneToOneField(Slot, models.RESTRICT, related_name="+")
    scores = JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    counted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = ContributionQuerySet.as_manager()

    class Meta:
        constraints = [
            # No two learners run the same set, so that each dot is news.
            models.UniqueConstraint(
                name="one_contribution_of_a_set", fields=["lesson", "finding", "content", "number"]
            ),
            models.UniqueConstraint(
                name="one_begun_set",
                fields=["user", "lesson", "finding", "content"],
                condition=Q(counted_at__isnull=True),
            ),
            models.CheckConstraint(
                name="scores_while_it_counts",
                condition=Q(counted_at__isnull=True, withdrawn_at__isnull=True, scores__isnull=True)
                | Q(counted_at__isnull=False, withdrawn_at__isnull=True, scores__isnull=False)
                | Q(counted_at__isnull=False, withdrawn_at__isnull=False, scores__isnull=True),
            ),
        ]
        indexes = [models.Index(name="dots", fields=["lesson", "counted_at"], condition=Q(scores__isnull=False))]

    def __str__(self) -> str:
        return f"set {self.number} of {self.finding}"


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def settled_of(self, user: Any) -> Self:
        """In the order in which they were settled."""
        return self.filter(contribution__user=user, outcome__isnull=False).order_by("settled_at", "pk")


class Prediction(models.Model):
    """What a learner said, before a set was run, about which arm would score highest in it.

    It is stored together with the set, before the first arm is queued. A trigger keeps what was said, and lets it be
    settled only once. `outcome` is 1 if the arm came out alone at the top, 0.5 if it shares the top, and 0 otherwise.
    """

    contribution = models.OneToOneField(Contribution, models.CASCADE, related_name="prediction")
    arm = models.CharField(max_length=64)
    probability = models.FloatField()
    outcome = models.FloatField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="probability_is_listed", condition=Q(probability__in=SURE)),
            models.CheckConstraint(
                name="outcome_is_known_when_settled",
                # A comparison with NULL is not false, so it is ruled out by name.
                condition=Q(outcome__isnull=True, settled_at__isnull=True)
                | Q(outcome__isnull=False, outcome__in=(0.0, 0.5, 1.0), settled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.arm} with {self.probability:.0%}"

    @property
    def brier(self) -> float | None:
        """The squared distance of the probability from the outcome (Brier 1950): 0 is best, and 1 is worst."""
        return None if self.outcome is None else (self.probability - self.outcome) ** 2
