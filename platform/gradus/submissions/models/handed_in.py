"""What workers with few rights hand in, because they may write no score."""

from typing import Self

from django.db import models
from django.db.models.functions import Now

from gradus.stored_json import JSONField
from gradus.submissions.models.evaluations import Evaluation


class HandedInQuerySet(models.QuerySet["HandedIn"]):
    def waiting(self) -> Self:
        """Those that have to be recorded."""
        return self.filter(set_aside="")

    def set_aside(self) -> Self:
        """Those that could not be recorded."""
        return self.exclude(set_aside="")


class HandedIn(models.Model):
    """How a worker ended an evaluation that it held under `fence`. The reconciler records it, and deletes the row.

    With an `error_code`, `outcome` is the part of a result that a refused trial still shows, or None. A row that the
    reconciler could not record stays for staff to look at; `set_aside` says why.
    """

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="handed_in")
    fence = models.PositiveIntegerField()
    outcome = JSONField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    set_aside = models.CharField(max_length=80, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = HandedInQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "handed in"
        constraints = [models.UniqueConstraint(name="handed_in_once", fields=["evaluation", "fence"])]

    def __str__(self) -> str:
        return f"evaluation {self.evaluation_id}, fence {self.fence}"
