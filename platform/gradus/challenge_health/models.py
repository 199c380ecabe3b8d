"""What each attempt scored on each hidden row, and the figures of a version that are computed from all attempts."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from challenges.registry import KIND_NAME_MAX
from gradus.courses.models import ChallengeVersion
from gradus.stored_json import JSONField
from gradus.submissions.models import Evaluation

# In place of the hundredths of a score, where an attempt has none for a row.
NO_SCORE = 255


class RowScores(models.Model):
    """What an evaluation scored on each hidden row; for the course's editors and owners only.

    It is written with the score, and can be written again from the stored outputs.
    """

    evaluation = models.OneToOneField(Evaluation, models.CASCADE, primary_key=True, related_name="row_scores")
    scores = models.BinaryField(
        help_text="A byte for each row, in their order: hundredths of its score, or 255 for none"
    )
    answers = JSONField(default=dict, help_text="The beginning of each wrong answer, by the number of its row")

    def __str__(self) -> str:
        return f"{len(self.scores)} rows of evaluation {self.pk}"


class Figures(models.Model):
    """The figures of one track of a version, as `gradus.challenge_health.figures` has computed them last."""

    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="figures")
    track = models.CharField(max_length=KIND_NAME_MAX)
    figures = JSONField(default=dict)
    is_stale = models.BooleanField(default=False, help_text="Whether a score has changed since")
    seconds = models.FloatField(default=0, help_text="How long the computation took")
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "figures"
        constraints = [models.UniqueConstraint(name="one_row_of_figures", fields=["version", "track"])]
        indexes = [models.Index(name="stale_figures", fields=["computed_at"], condition=models.Q(is_stale=True))]

    def __str__(self) -> str:
        return f"{self.version}, {self.track}"
