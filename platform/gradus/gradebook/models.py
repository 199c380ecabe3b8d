"""What a class gives for attempts: kept cells, what people set in their place, and what each challenge is worth."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.classes.models import REASON_CHARS, Class, Member
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.gradebook.table import State
from gradus.submissions.models import Submission

# A cell's own states. What else `table.State` has is told by its override, its release or the learner's trials.
STORED = (State.NONE, State.GRADING, State.WAITING, State.FAILED, State.GRADED)


class Weight(models.Model):
    """How many points a challenge is worth in a class. Without a row it is worth `points.WORTH`."""

    of_class = models.ForeignKey(Class, models.CASCADE, related_name="weights")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    worth = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_weight", fields=["of_class", "challenge"]),
            models.CheckConstraint(name="weight_is_not_negative", condition=Q(worth__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.challenge}: {self.worth}"


class OverrideQuerySet(models.QuerySet["Override"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def of_class(self, of_class: Any) -> Self:
        return self.filter(member__of_class=of_class)


class Override(models.Model):
    """What a person set in place of a computed grade: points, or that the challenge is excused.

    It is in force until it is ended, and then stays as a record. Only its end and its release are written later; see
    `triggers.py`.
    """

    class Kind(models.TextChoices):
        VALUE = "value", _("Points")
        EXCUSED = "excused", _("Excused")

    member = models.ForeignKey(Member, models.CASCADE, related_name="overrides")
    challenge = models.ForeignKey(Challenge, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=7, choices=Kind)
    value = models.DecimalField(_("points"), max_digits=7, decimal_places=2, null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=REASON_CHARS)
    withheld = models.BooleanField(default=False, help_text="The learner has not seen it; never set again once false")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = OverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_override", fields=["member", "challenge"], condition=Q(ended_at__isnull=True)
            ),
            # A comparison with NULL is not false, so a missing value is ruled out by name.
            models.CheckConstraint(
                name="only_a_value_has_points",
                condition=Q(kind="value", value__isnull=False, value__gte=0) | Q(kind="excused", value__isnull=True),
            ),
            models.CheckConstraint(name="override_has_a_reason", condition=~Q(reason="")),
        ]
        indexes = [
            models.Index(
                name="withheld_overrides", fields=["challenge"], condition=Q(withheld=True, ended_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.member}, {self.challenge}: {self.get_kind_display()}"


class CellQuerySet(models.QuerySet["Cell"]):
    def of_class(self, of_class: Any) -> Self:
        return self.filter(member__of_class=of_class)


class Cell(models.Model):
    """What a member has earned at a challenge, kept like a standing: `cells.rebuild` computes it again from scores.

    `share` is the part of the challenge's points that the best attempt earns, with the credit for its date, and
    `raw_share` that without the credit. An override stands beside both, and changes neither.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="cells")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    state = models.CharField(max_length=7, choices=[(one.value, one.value) for one in STORED], default="none")
    submission = models.ForeignKey(
        Submission, models.SET_NULL, null=True, related_name="+", help_text="The attempt that counts"
    )
    score = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    share = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    raw_share = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    credit = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    attempts = models.PositiveIntegerField(default=0)
    is_late = models.BooleanField(default=False)
    waits = models.BooleanField(default=False, help_text="An attempt waits for a person")
    # Kept so that a file of all cells does not have to look up the attempt of each.
    submitted_at = models.DateTimeField(null=True)
    grader = models.CharField(max_length=8, blank=True, default="", help_text="Who verified the score")
    version = models.ForeignKey(ChallengeVersion, models.SET_NULL, null=True, related_name="+", db_index=False)
    override = models.ForeignKey(Override, models.SET_NULL, null=True, related_name="+")

    objects = CellQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_cell", fields=["member", "challenge"]),
            models.CheckConstraint(
                name="a_graded_cell_has_a_share",
                condition=Q(state="graded", share__isnull=False, raw_share__isnull=False, credit__isnull=False)
                | (~Q(state="graded") & Q(share__isnull=True, raw_share__isnull=True, credit__isnull=True)),
            ),
            models.CheckConstraint(name="a_share_is_not_negative", condition=Q(share__isnull=True) | Q(share__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.member}, {self.challenge}: {self.state}"


class Recount(models.Model):
    """Cells of this class are computed again soon: its dates or settings changed, and for a request that is too much.

    The row is written with the change and deleted with the cells, so that nothing is lost where a process dies.
    """

    of_class = models.OneToOneField(Class, models.CASCADE, primary_key=True, related_name="recount")
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.of_class)
