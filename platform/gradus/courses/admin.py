"""The admin's pages about courses, lessons, challenges, their versions, and calibrations."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.admin import ReadOnly
from gradus.courses import verification
from gradus.courses.models import Calibration, Challenge, ChallengeVersion, Course, CourseVersion, Lesson


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin[Course]):
    list_display = ("title", "slug", "version", "is_published", "frozen_at", "reveal_at", "updated_at")
    fields = ("title", "slug", "version", "is_published", "frozen_at", "reveal_at")
    readonly_fields = ("title", "slug", "version")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Lesson)
class LessonAdmin(ReadOnly):
    list_display = ("title", "course", "position", "minutes", "is_current")


@admin.register(Challenge)
class ChallengeAdmin(ReadOnly):
    list_display = ("slug", "course", "lesson", "position", "is_current")
    fields = ("slug", "course", "lesson", "position", "version", "is_current")


@admin.register(ChallengeVersion)
class ChallengeVersionAdmin(ReadOnly):
    list_display = ("challenge", "version", "state", "hidden_count", "imported_at", "verified_at")
    list_filter = ("challenge",)
    fields = (
        "challenge", "version", "state", "lacking", "digest", "hidden_count", "baselines", "author_baselines",
        "imported_at", "linted_at", "verified_at", "published_at",
    )  # fmt: skip

    @admin.display
    def state(self, version: ChallengeVersion) -> str:
        """Says whether learners see the version, and whether this server has verified it."""
        live = version.challenge.version_id == version.pk
        seen = _("draft") if version.is_draft else _("live") if live else _("replaced")
        return seen if version.is_verified else _("%(state)s, not verified here") % {"state": seen}

    @admin.display(description=gettext_lazy("Checks that this server still has to do"))
    def lacking(self, version: ChallengeVersion) -> str:
        return "; ".join(verification.lacking(version)) if not version.is_verified else _("nothing")


@admin.register(CourseVersion)
class CourseVersionAdmin(ReadOnly):
    list_display = ("course", "version", "state", "pushed_by", "pushed_at", "published_at")
    list_filter = ("course", "state")
    fields = (
        "course", "version", "state", "digest", "archive", "archive_bytes", "note", "pushed_by", "pushed_at",
        "published_by", "published_at", "ended_at", "difference", "not_checked",
    )  # fmt: skip


@admin.register(Calibration)
class CalibrationAdmin(ReadOnly):
    list_display = ("version", "model", "template", "passed", "imported_at")
    list_filter = ("passed",)

    def view_on_site(self, obj: Calibration) -> str:
        """Returns the address of the page with the calibration's report."""
        return reverse("reviews:calibration", args=[obj.version_id])
