"""The admin's pages about calls to the judge, and the regrade of chosen submissions.

Reviews, appeals, gold rows, budgets and regrades have pages of the site, under Reviews.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.admin_site import ReadOnly
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.models import JudgeCall
from gradus.submissions.admin import PERSON_OR_UUID, SubmissionAdmin
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused


class UnusableFilter(admin.SimpleListFilter):
    title = gettext_lazy("reply")
    parameter_name = "reply"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("usable", _("Usable")), ("unusable", _("Cannot be used"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JudgeCall]) -> QuerySet[JudgeCall]:
        if self.value() == "usable":
            return queryset.filter(problem="")
        return queryset.exclude(problem="") if self.value() == "unusable" else queryset


@admin.register(JudgeCall)
class JudgeCallAdmin(ReadOnly):
    purpose = gettext_lazy("What the judge was asked and said, and why a reply could not be used")
    people, uuids = "evaluation__submission__user", "evaluation__submission__uuid"
    list_display = (
        "id", "evaluation_id", "model", "rung", "problem", "prompt_tokens", "completion_tokens", "seconds", "cost",
        "created_at",
    )  # fmt: skip
    list_filter = (UnusableFilter,)
    search_help_text = PERSON_OR_UUID
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JudgeCall]:
        found: QuerySet[JudgeCall] = super().get_queryset(request)
        # A list shows no text. The page of one row loads them when it shows them.
        return found.defer("request", "response", "reply")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["said" if name == "response" else name for name in super().get_fields(request, obj)]

    @admin.display(description=gettext_lazy("Cost"), empty_value="-")
    def cost(self, call: JudgeCall) -> str | None:
        return None if call.cost_micros is None else f"{call.cost_micros / 1e6:.6f} {call.currency}"

    @admin.display(description=gettext_lazy("Response"), empty_value="-")
    def said(self, call: JudgeCall) -> Any:
        form = '<details class="json"><summary>{}</summary><pre tabindex="0">{}</pre></details>'
        return format_html(form, _("Show"), call.response) if call.response else None


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
