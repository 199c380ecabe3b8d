"""The model of release rules, which decide when the learners of a class see their grades."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from gradus.classes.models.members import Class
from gradus.courses.models import Challenge


class ReleaseRuleQuerySet(models.QuerySet["ReleaseRule"]):
    def of(self, of_class: Class | int, challenge: Challenge | int | None = None) -> Self:
        """Returns the rule of the class and, before it, the rule of the challenge if there is one."""
        found = self.filter(Q(challenge=None) | Q(challenge=challenge), of_class=of_class)
        return found.order_by(F("challenge").asc(nulls_last=True))


class ReleaseRule(models.Model):
    """Decides when learners of a class see their grades at a challenge, or at all challenges without their own rule.

    Score and details are released separately, but the details never before the score. `released_score_at` and
    `released_details_at` are set if a person has released them by hand, possibly before the date. A release at a date
    or by hand leaves out provisional grades unless `provisional` is set.
    """

    class When(models.TextChoices):
        NOW = "now", _("At once")
        DATE = "date", _("At a date")
        HAND = "hand", _("When I release them")

    of_class = models.ForeignKey(Class, models.CASCADE, related_name="release_rules")
    challenge = models.ForeignKey(Challenge, models.CASCADE, null=True, blank=True, related_name="+")
    score = models.CharField(_("Score"), max_length=4, choices=When, default=When.NOW)
    score_at = models.DateTimeField(_("Date of the score"), null=True, blank=True)
    details = models.CharField(_("Details"), max_length=4, choices=When, default=When.NOW)
    details_at = models.DateTimeField(_("Date of the details"), null=True, blank=True)
    provisional = models.BooleanField(
        _("Release provisional grades too"),
        default=False,
        db_default=False,
        help_text=_(
            "They wait for a person, and can still change. Otherwise a grade that is released at a date or by hand is "
            "shown when it is final. What is shown at once includes provisional grades."
        ),
    )
    released_score_at = models.DateTimeField(null=True, blank=True, editable=False)
    released_score_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    released_details_at = models.DateTimeField(null=True, blank=True, editable=False)
    released_details_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = ReleaseRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_release_rule_of_a_challenge", fields=["of_class", "challenge"]),
            models.UniqueConstraint(
                name="one_release_rule_of_a_class", fields=["of_class"], condition=Q(challenge__isnull=True)
            ),
            models.CheckConstraint(
                name="a_score_is_released_at_a_date",
                condition=Q(score="date", score_at__isnull=False) | Q(score__in=["now", "hand"], score_at=None),
            ),
            models.CheckConstraint(
                name="details_are_released_at_a_date",
                condition=Q(details="date", details_at__isnull=False) | Q(details__in=["now", "hand"], details_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.of_class}: {self.challenge or _('all challenges')}"

    def is_open(self, part: str, at: datetime | None = None) -> bool:
        """Returns True if `part`, which is `score` or `details`, is released at the time `at`, by default now."""
        when, date, by_hand = (getattr(self, name) for name in (part, f"{part}_at", f"released_{part}_at"))
        at = at or now()
        return bool(when == self.When.NOW or (date and date <= at) or (by_hand and by_hand <= at))

    @property
    def shows_later(self) -> bool:
        """Returns True if later attempts are shown only because of a release by hand against the rule."""
        without = ReleaseRule(
            score=self.score, score_at=self.score_at, details=self.details, details_at=self.details_at
        )
        return self.withholds_details() != without.withholds_details() or (
            self.withholds_grade() != without.withholds_grade()
        )

    @property
    def holds_provisional(self) -> bool:
        """Returns True if grades are released at a date or by hand, and provisional ones stay withheld then."""
        return not self.provisional and (self.score, self.details) != (self.When.NOW, self.When.NOW)

    def withholds_grade(self, at: datetime | None = None) -> bool:
        return not self.is_open("score", at)

    def withholds_details(self, at: datetime | None = None) -> bool:
        """Returns True if learners do not see the details, which are never shown before the score."""
        return not (self.is_open("score", at) and self.is_open("details", at))
