"""What people decide about leaderboards: seasons, marks on entries, and attempts that count no more."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Challenge
from gradus.submissions.models.evaluations import Submission

REASON_CHARS = 500
ANSWER_CHARS = 2000
SEASON_TITLE_CHARS = 80


class SeasonQuerySet(models.QuerySet["Season"]):
    def number_of(self, challenge: Any) -> Coalesce:
        """Returns the number of the season that runs at a challenge, as an expression for a query.

        `challenge` is the challenge, its primary key, or an `OuterRef` to it.
        """
        last = self.filter(challenge=challenge).order_by("-number").values("number")[:1]
        return Coalesce(Subquery(last), 0)

    def running(self, challenge: Challenge) -> int:
        """Returns the number of the season that runs at the challenge, which is 0 until somebody begins another one."""
        last: int | None = self.filter(challenge=challenge).aggregate(last=Max("number"))["last"]
        return last or 0


class Season(models.Model):
    """A period of the leaderboards of a challenge, which begins with no entries. Season 0 has no row.

    An attempt belongs to the season in which it was submitted, for ever. A season ends when the next one begins.
    """

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="seasons")
    number = models.PositiveSmallIntegerField()
    title = models.CharField(_("title"), max_length=SEASON_TITLE_CHARS)
    began_at = models.DateTimeField(default=timezone.now, editable=False)
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = SeasonQuerySet.as_manager()

    class Meta:
        ordering = ["challenge", "number"]
        constraints = [
            models.UniqueConstraint(name="one_season_of_a_number", fields=["challenge", "number"]),
            models.CheckConstraint(name="season_0_has_no_row", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.title} of {self.challenge}"


class MarkQuerySet(models.QuerySet["Mark"]):
    def standing(self) -> Self:
        """Returns the marks that nobody has ended."""
        return self.filter(ended_at=None)

    def hidings(self) -> Self:
        return self.standing().filter(kind=Mark.Kind.HIDDEN)

    def with_open_answer(self) -> Self:
        """Returns the hidings whose learner has answered, and whose answer waits for a person."""
        return self.hidings().filter(answered_at__isnull=False, read_at=None)


class Mark(models.Model):
    """A decision of a person about a learner's entries on the leaderboards of a challenge, in all seasons and tracks.

    A flag is seen by staff only. Who is hidden has no rank, reads the reason, and may answer once.
    """

    class Kind(models.TextChoices):
        FLAG = "flag", _("Flag")
        HIDDEN = "hidden", _("Hidden")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="marks_on_boards")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="marks_on_boards")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    reason = models.CharField(_("reason"), max_length=REASON_CHARS)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True, editable=False)
    answer = models.TextField(_("answer"), blank=True, default="", max_length=ANSWER_CHARS)
    answered_at = models.DateTimeField(null=True, editable=False)
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    read_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When a person read the answer, and the entry stayed hidden")
    )

    objects = MarkQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_mark_of_a_kind", fields=["user", "challenge", "kind"], condition=Q(ended_at=None)
            ),
            models.CheckConstraint(name="mark_is_of_a_kind", condition=Q(kind__in=["flag", "hidden"])),
            models.CheckConstraint(name="mark_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="only_who_is_hidden_answers", condition=Q(answered_at=None, answer="") | Q(kind="hidden")
            ),
            models.CheckConstraint(
                name="only_an_answer_is_read", condition=Q(read_at=None) | Q(answered_at__isnull=False)
            ),
        ]
        indexes = [
            # Leaderboards look for these few people.
            models.Index(name="hidden_entries", fields=["challenge", "user"], condition=Q(kind="hidden", ended_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.user} at {self.challenge}"


class Annulment(models.Model):
    """A decision that an attempt counts nowhere: not on leaderboards, paths and gradebooks. Its learner reads why.

    `Submission.annulled` is true as long as one stands; a trigger keeps both equal.
    """

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="annulments")
    reason = models.CharField(_("reason"), max_length=REASON_CHARS)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(name="one_annulment", fields=["submission"], condition=Q(ended_at=None)),
            models.CheckConstraint(name="annulment_has_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"annulled: {self.submission}"


def not_hidden(user: str, challenge: Any) -> Q:
    """Returns the condition for rows whose person is not hidden on the leaderboards of a challenge.

    Args:
        user: The path from a row to its person.
        challenge: The challenge, its primary key, or an `OuterRef` to it.
    """
    return Q(~Exists(Mark.objects.hidings().filter(user=OuterRef(user), challenge=challenge)))
