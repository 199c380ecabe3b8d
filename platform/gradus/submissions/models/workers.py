"""What workers and the reconciler say of themselves."""

from django.db import models
from django.db.models.functions import Now

from gradus.stored_json import JSONField
from gradus.submissions.models.evaluations import LANES


class WorkerStatus(models.Model):
    """What a worker says of itself; all that web and `doctor` know about workers."""

    name = models.CharField(max_length=120, unique=True)
    lane = models.CharField(max_length=12, choices=LANES)
    device = models.CharField(max_length=80, blank=True)
    profile = models.CharField(max_length=80, blank=True)
    base_models = JSONField(default=dict, help_text="Base models it can run, by digest")
    judge = models.CharField(max_length=80, blank=True)
    problem = models.TextField(blank=True)
    lacks = JSONField(
        default=dict,
        db_default=models.Value({}, JSONField()),
        blank=True,
        help_text="Training methods that it cannot carry out over a base model, with the reason of each",
    )
    busy_with = models.BigIntegerField(null=True, blank=True)
    last_seen = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "worker statuses"

    def __str__(self) -> str:
        return f"{self.name} ({self.lane})"


class EngineChoice(models.Model):
    """How the engine computes one base model on one kind of machine, as a runner there has measured it."""

    key = models.CharField(max_length=64, unique=True, help_text="Digest of the five fields that follow")
    model = models.CharField(max_length=200, help_text="Digest of the base model's weights")
    cpu = models.CharField(max_length=200)
    threads = models.PositiveSmallIntegerField()
    device = models.CharField(max_length=80)
    versions = models.CharField(max_length=200)
    digest = models.CharField(max_length=12, db_index=True, help_text="What evaluations store as their engine choice")
    choice = JSONField()
    created = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.digest} on {self.cpu}"


class ReconcilerStatus(models.Model):
    """What a reconciler did in its last round; several may run, each has a row."""

    name = models.CharField(max_length=120, unique=True)
    last_run = models.DateTimeField(db_default=Now())
    done = JSONField(default=dict)
    broken = JSONField(default=dict, help_text="Invariants that do not hold, with counts")

    class Meta:
        verbose_name_plural = "reconciler statuses"

    def __str__(self) -> str:
        return self.name
