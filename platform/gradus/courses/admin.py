"""The admin's pages about courses, and about versions of challenges that this server has to verify.

Lessons, challenges, calibrations and the history of a course have pages of the site.
"""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.admin_site import Listed, ReadOnly
from gradus.courses import verification
from gradus.courses.models import ChallengeVersion, Course


@admin.register(Course)
class CourseAdmin(Listed):
    purpose = gettext_lazy("Which courses there are; publish, hide or freeze one")
    names = ("slug",)
    list_display = ("title", "slug", "version", "is_published", "listing", "frozen_at", "reveal_at", "updated_at")
    list_filter = ("is_published", "listing")
    search_help_text = gettext_lazy("The beginning of a course's short name")
    ordering = ("title", "pk")
    fields = ("title", "slug", "version", "is_published", "listing", "frozen_at", "reveal_at")
    # Whoever owns the course says on its page for authors who may open it, and so do staff.
    readonly_fields = ("title", "slug", "version", "listing")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ChallengeVersion)
class ChallengeVersionAdmin(ReadOnly):
    purpose = gettext_lazy("Which contents this server has verified, and what it still has to check of others")
    names = ("challenge__slug",)
    list_display = ("challenge", "version", "state", "hidden_count", "imported_at", "verified_at")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), "challenge__course")
    list_select_related = ("challenge",)
    search_help_text = gettext_lazy("The beginning of a challenge's short name")
    ordering = ("-id",)
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
