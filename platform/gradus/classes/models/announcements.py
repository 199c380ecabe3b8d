"""The model of announcements, with which teachers tell the members of a class something."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from gradus.classes.models.members import TITLE_CHARS, Class, Label

TEXT_CHARS = 10_000


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def due(self, at: datetime | None = None) -> Self:
        """Returns the announcements whose time has come and that the members have not been told about."""
        return self.filter(sent_at=None, withdrawn_at=None, publish_at__lte=at or now())

    def of(self, of_class: Class, labels: Iterable[Label]) -> Self:
        """Returns the announcements of the class that somebody with these labels reads."""
        return self.filter(Q(label=None) | Q(label__in=labels), of_class=of_class)

    def published(self, at: datetime | None = None) -> Self:
        return self.filter(withdrawn_at=None, publish_at__lte=at or now())


class Announcement(models.Model):
    """A text for all members of a class, or for members with a label, shown from `publish_at` until it is withdrawn.

    `sent_at` is set in the transaction that writes the members' notices, and so at most once.
    """

    of_class = models.ForeignKey(Class, models.CASCADE, related_name="announcements")
    label = models.ForeignKey(
        "classes.Label", models.CASCADE, null=True, blank=True, related_name="announcements", verbose_name=_("label")
    )
    title = models.CharField(_("title"), max_length=TITLE_CHARS)
    text = models.TextField(_("text"), max_length=TEXT_CHARS, help_text="Markdown")
    publish_at = models.DateTimeField(_("time"), default=now)
    by_mail = models.BooleanField(_("by mail as well"), default=True)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ["-publish_at", "-pk"]
        constraints = [
            models.CheckConstraint(name="announcement_has_a_title", condition=~Q(title="")),
            models.CheckConstraint(name="announcement_has_a_text", condition=~Q(text="")),
        ]
        indexes = [
            models.Index(
                name="announcements_to_send",
                fields=["publish_at"],
                condition=Q(sent_at__isnull=True, withdrawn_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.title
