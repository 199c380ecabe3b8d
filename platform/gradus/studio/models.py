"""What authors have changed in the studio and not yet made a draft of."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from gradus.courses.models import Course

PATH_CHARS = 400


class Edit(models.Model):
    """A file that authors of a course have changed, added or removed, on top of its draft or of what is live.

    `base` is the SHA-256 of the file below, empty where there is none: another one there now means that somebody has
    pushed the file meanwhile. `revision` rises with each change, so that nobody overwrites what they have not seen.
    """

    course = models.ForeignKey(Course, models.CASCADE, related_name="edits")
    path = models.CharField(max_length=PATH_CHARS)
    text = models.TextField(blank=True)
    is_removed = models.BooleanField(default=False)
    base = models.CharField(max_length=64, blank=True)
    revision = models.PositiveIntegerField(default=1)
    edited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    edited_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["path"]
        constraints = [
            models.UniqueConstraint(name="one_edit_of_a_file", fields=["course", "path"]),
            models.CheckConstraint(name="a_removed_file_has_no_text", condition=Q(is_removed=False) | Q(text="")),
            models.CheckConstraint(name="what_is_removed_was_there", condition=Q(is_removed=False) | ~Q(base="")),
            models.CheckConstraint(name="an_edit_names_its_file", condition=~Q(path="")),
        ]

    def __str__(self) -> str:
        return f"{self.course.slug}: {self.path}"
