"""Invitations by mail to a role in a course."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.accounts.models import digest_of
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def standing(self) -> Self:
        """Returns the invitations that were neither accepted nor withdrawn. Their time may be over."""
        return self.filter(accepted_at=None, withdrawn_at=None)

    def open(self) -> Self:
        """Returns the invitations that can be accepted now."""
        return self.standing().filter(expires_at__gt=timezone.now())

    def matching(self, secret: str) -> Self:
        return self.filter(digest=digest_of(secret))


class Invitation(models.Model):
    """An owner invites an address to a role. The secret is in the mail's link; only its SHA-256 digest is stored."""

    course = models.ForeignKey(Course, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("email address"), help_text="Case-folded")
    content = models.CharField(max_length=9, choices=Content, default=Content.NONE)
    learner_data = models.CharField(max_length=6, choices=LearnerData, default=LearnerData.NONE)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                "course",
                name="one_standing_invitation",
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(name="invited_to_a_content_level", condition=Q(content__in=Content.values)),
            models.CheckConstraint(name="invited_to_a_data_level", condition=Q(learner_data__in=LearnerData.values)),
            models.CheckConstraint(name="invited_to_some_level", condition=~Q(content="none", learner_data="none")),
            models.CheckConstraint(
                name="accepted_or_withdrawn", condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True)
            ),
            models.CheckConstraint(
                name="invitation_ends_after_it_was_made", condition=Q(expires_at__gt=F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.course.slug}"

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.content), LearnerData(self.learner_data))

    @property
    def is_over(self) -> bool:
        """True if it was withdrawn or its time is over, unless it was accepted before."""
        return self.accepted_at is None and (self.withdrawn_at is not None or self.expires_at <= timezone.now())
