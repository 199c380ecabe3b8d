"""The models of date rules, and of attempts that were granted to members."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Challenge, Lesson
from gradus.stored_json import JSONField

REASON_CHARS = 500
GRANTED_MAX = 100


def _in_order(first: str, then: str) -> Any:
    return Q(**{f"{first}__isnull": True}) | Q(**{f"{then}__isnull": True}) | Q(**{f"{first}__lt": F(then)})


class DateRule(models.Model):
    """Says when a course, a lesson or a challenge is open for a class, a label or one member, and what attempts count.

    It does not decide a field that is null. `cleared` names the dates that it removes, such as `["close_at"]`. `early`
    and `late` are lists of objects with `until`, a time in ISO 8601, and `credit`, a share of the points. Intervals are
    half-open. `extended_to` is the end of an extension for a label or a member. `policy.py` explains how rules are
    combined.
    """

    of_class = models.ForeignKey("classes.Class", models.CASCADE, related_name="date_rules")
    lesson = models.ForeignKey(Lesson, models.CASCADE, null=True, blank=True, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, null=True, blank=True, related_name="+")
    label = models.ForeignKey("classes.Label", models.PROTECT, null=True, blank=True, related_name="date_rules")
    member = models.ForeignKey("classes.Member", models.CASCADE, null=True, blank=True, related_name="date_rules")
    release_at = models.DateTimeField(_("opens"), null=True, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    close_at = models.DateTimeField(_("closes"), null=True, blank=True)
    cleared = JSONField(default=list, blank=True)
    early = JSONField(null=True, blank=True)
    late = JSONField(null=True, blank=True)
    after = models.FloatField(null=True, blank=True)
    extended_to = models.DateTimeField(_("more time until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=REASON_CHARS, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Nulls are never equal in a unique constraint, so each null counts as 0 here.
            models.UniqueConstraint(
                "of_class",
                Coalesce("lesson", 0),
                Coalesce("challenge", 0),
                Coalesce("label", 0),
                Coalesce("member", 0),
                name="one_date_rule_for_the_same",
            ),
            models.CheckConstraint(
                name="date_rule_is_of_one_place", condition=Q(lesson__isnull=True) | Q(challenge__isnull=True)
            ),
            models.CheckConstraint(
                name="date_rule_is_for_one_group", condition=Q(label__isnull=True) | Q(member__isnull=True)
            ),
            models.CheckConstraint(
                name="date_rule_of_one_member_has_a_reason", condition=Q(member__isnull=True) | ~Q(reason="")
            ),
            models.CheckConstraint(name="date_rule_opens_before_due", condition=_in_order("release_at", "due_at")),
            models.CheckConstraint(
                name="date_rule_due_by_close",
                condition=Q(due_at__isnull=True) | Q(close_at__isnull=True) | Q(due_at__lte=F("close_at")),
            ),
            models.CheckConstraint(name="date_rule_opens_before_close", condition=_in_order("release_at", "close_at")),
            models.CheckConstraint(
                name="date_rule_credit_is_a_share", condition=Q(after__isnull=True) | Q(after__gte=0, after__lte=1)
            ),
            models.CheckConstraint(
                name="an_extension_is_for_somebody",
                condition=Q(extended_to__isnull=True) | Q(label__isnull=False) | Q(member__isnull=False),
            ),
            models.CheckConstraint(
                name="an_extension_has_a_reason", condition=Q(extended_to__isnull=True) | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.of_class}: {self.challenge or self.lesson or self.of_class.course}"


class GrantQuerySet(models.QuerySet["Grant"]):
    def in_force(self) -> Self:
        return self.filter(withdrawn_at=None)


class Grant(models.Model):
    """Attempts at a challenge that a member may use after those of the day are used up, with the reason.

    Each use is a row of the table `Slot`. The database limits the numbers of these rows to the granted attempts, and
    refuses to withdraw attempts that were used.
    """

    member = models.ForeignKey("classes.Member", models.CASCADE, related_name="grants")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    attempts = models.PositiveSmallIntegerField(_("attempts"))
    reason = models.CharField(_("reason"), max_length=REASON_CHARS)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    withdrawn_reason = models.CharField(max_length=REASON_CHARS, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="grant_has_attempts", condition=Q(attempts__gte=1, attempts__lte=GRANTED_MAX)),
            models.CheckConstraint(name="grant_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="grant_is_withdrawn_with_a_reason",
                condition=Q(withdrawn_at__isnull=True, withdrawn_reason="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.attempts} for {self.member} at {self.challenge}"
