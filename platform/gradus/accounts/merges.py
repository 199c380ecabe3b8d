"""The model of merges: two accounts of one person become one, once the person has agreed from both.

`gradus.own_data.merging` has the services.
"""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.stored_json import JSONField

REASON_CHARS = 500


class MergeQuerySet(models.QuerySet["Merge"]):
    def open(self) -> Self:
        return self.filter(merged_at=None, ended_at=None)

    def of(self, user: Any) -> Self:
        return self.filter(Q(kept=user) | Q(gone=user))


class Merge(models.Model):
    """A proposal that everything of the account `gone` moves to the account `kept`, and what became of it.

    It ends when one of both is against it, when it is withdrawn, or when it was carried out, which needs both consents.
    """

    kept = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="merges")
    gone = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="merges_into_others")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now, editable=False)
    reason = models.CharField(
        _("reason"), max_length=REASON_CHARS, blank=True, help_text="Of staff. The owner of the accounts reads it"
    )
    kept_agreed_at = models.DateTimeField(null=True, editable=False)
    gone_agreed_at = models.DateTimeField(null=True, editable=False)
    merged_at = models.DateTimeField(null=True, editable=False)
    moved = JSONField(default=dict, help_text="How many rows of each kind were moved")
    ended_at = models.DateTimeField(null=True, editable=False, help_text="When it was refused or withdrawn")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = MergeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="two_accounts_are_merged", condition=~Q(kept=F("gone"))),
            models.CheckConstraint(
                name="merged_with_both_consents",
                condition=Q(merged_at=None)
                | Q(kept_agreed_at__isnull=False, gone_agreed_at__isnull=False, ended_at=None),
            ),
            models.UniqueConstraint(
                name="one_open_merge_into", fields=["kept"], condition=Q(merged_at=None, ended_at=None)
            ),
            models.UniqueConstraint(
                name="one_open_merge_of", fields=["gone"], condition=Q(merged_at=None, ended_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gone} into {self.kept}"

    @property
    def is_open(self) -> bool:
        return self.merged_at is None and self.ended_at is None

    @property
    def is_by_owner(self) -> bool:
        """True if one of the two accounts has asked for it, and no member of staff."""
        return self.proposed_by_id in (self.kept_id, self.gone_id)

    @property
    def was_refused(self) -> bool:
        """True if an account was against it that had not asked for it."""
        return self.ended_by_id in (self.kept_id, self.gone_id) and self.ended_by_id != self.proposed_by_id

    def other(self, user: Any) -> Any:
        """Returns the account with which that of `user` would become one."""
        return self.gone if user.pk == self.kept_id else self.kept

    def agreed_at(self, user: Any) -> Any:
        return self.kept_agreed_at if user.pk == self.kept_id else self.gone_agreed_at
