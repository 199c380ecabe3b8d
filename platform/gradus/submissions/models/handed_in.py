"""What workers with few rights hand in, because they may write no score."""

from django.db import models
from django.db.models.functions import Now

from gradus.submissions.models.evaluations import Evaluation


class HandedIn(models.Model):
    """How a worker ended an evaluation that it held under `fence`. The reconciler records it, and deletes the row.

    With an `error_code`, `outcome` is the part of a result that a refused trial still shows, or None.
    """

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="handed_in")
    fence = models.PositiveIntegerField()
    outcome = models.JSONField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "handed in"
        constraints = [models.UniqueConstraint(name="handed_in_once", fields=["evaluation", "fence"])]

    def __str__(self) -> str:
        return f"evaluation {self.evaluation_id}, fence {self.fence}"
