"""The admin's list of reported problems, where staff answer them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from gradus.accounts.admin_site import Listed
from gradus.accounts.models import User
from gradus.reports import services
from gradus.reports.models import ProblemReport
from gradus.submissions.services import Refused


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("open", pgettext("a report", "Open")), ("answered", pgettext("a report", "Answered"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProblemReport]) -> QuerySet[ProblemReport]:
        if self.value() not in ("open", "answered"):
            return queryset
        return queryset.filter(answered_at__isnull=self.value() == "open")


class AnswerForm(forms.ModelForm[ProblemReport]):
    answer = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("The learner reads this among the notices. An answer cannot be changed afterwards."),
    )

    class Meta:
        model = ProblemReport
        fields = ("answer",)

    def clean_answer(self) -> str:
        text: str = self.cleaned_data["answer"]
        try:
            services.check_text("answer", text, gettext("Write an answer for the person who reported this."))
        except Refused as refused:
            raise forms.ValidationError(refused.message) from None
        return text


@admin.register(ProblemReport)
class ProblemReportAdmin(Listed):
    """Shows what was reported. Staff can only add an answer, and only to a report that has none."""

    purpose = _("What learners say is wrong with challenges; answer them")
    people = "user"

    form = AnswerForm
    list_display = ("created_at", "state", "version", "what", "user", "answered_by")
    list_filter = (StateFilter, "what", "version__challenge")
    list_select_related = ("version__challenge", "user", "answered_by")
    search_help_text = _("The beginning of an address, a user name or a pseudonym, or the number of a report")
    ordering = ("-id",)
    readonly_fields = ("created_at", "user", "version", "track", "what", "text")
    fields = (*readonly_fields, "answer")

    @admin.display(description=_("State"))
    def state(self, report: ProblemReport) -> str:
        return pgettext("a report", "Open") if report.is_open else pgettext("a report", "Answered")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProblemReport | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_open)

    def save_model(self, request: HttpRequest, obj: ProblemReport, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)
        try:
            services.answer(obj, by=request.user, text=form.cleaned_data["answer"])
        except Refused as refused:
            self.message_user(request, refused.message, messages.WARNING)
