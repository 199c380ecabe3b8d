"""The admin's pages about reviews, appeals, calls to the judge, gold rows and regrades."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.admin import ReadOnly
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.models import Appeal, Budget, GoldConsent, GoldRow, JudgeCall, Regrade, Review
from gradus.submissions.admin import SubmissionAdmin
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    list_display = ("submission", "kind", "opened_at", "decided_by", "decided_at")
    list_filter = ("kind", "decided_at")


@admin.register(JudgeCall)
class JudgeCallAdmin(ReadOnly):
    list_display = (
        "id",
        "evaluation",
        "model",
        "rung",
        "problem",
        "prompt_tokens",
        "completion_tokens",
        "seconds",
        "cost_micros",
        "currency",
    )


@admin.register(Appeal)
class AppealAdmin(ReadOnly):
    list_display = ("submission", "stage", "outcome", "created_at", "closed_at")
    list_filter = ("stage", "outcome")


@admin.register(GoldConsent)
class GoldConsentAdmin(ReadOnly):
    list_display = ("challenge", "given_by", "given_at", "revoked_by", "revoked_at")
    list_filter = ("challenge",)


@admin.register(GoldRow)
class GoldRowAdmin(ReadOnly):
    list_display = ("challenge", "role", "created_by", "created_at", "consent")
    list_filter = ("challenge", "role")


@admin.register(Regrade)
class RegradeAdmin(ReadOnly):
    list_display = ("challenge", "started_by", "started_at", "outcome", "ended_by", "ended_at")


admin.site.register(Budget, ReadOnly)
admin.site.unregister(Submission)


@admin.register(Submission)
class RegradableSubmissionAdmin(SubmissionAdmin):
    """Adds the regrade to the page of submissions. It belongs to this app because a person has to approve it."""

    actions = (*SubmissionAdmin.actions, "regrade")

    def has_regrade_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    @admin.action(
        description=gettext_lazy("Regrade as a shadow run (nothing changes until it is approved)"),
        permissions=["regrade"],
    )
    def regrade(self, request: HttpRequest, chosen: QuerySet[Submission]) -> None:
        assert isinstance(request.user, User)
        for challenge in Challenge.objects.filter(submissions__in=chosen).distinct():
            try:
                made = services.start_regrade(challenge, by=request.user, submissions=chosen)
            except Refused as refusal:
                self.message_user(request, f"{challenge}: {refusal}", messages.WARNING)
                continue
            place = reverse("reviews:regrade", args=[made.pk])
            self.message_user(request, format_html('{}: <a href="{}">{}</a>', challenge, place, _("the shadow run")))
