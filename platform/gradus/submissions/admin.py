"""The admin's pages about submissions, evaluations, scores, runs, workers and the reconciler."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy

from gradus import csv_files
from gradus.accounts.admin import ReadOnly
from gradus.submissions.exports import EXPORTS, as_csv
from gradus.submissions.models import (
    EngineChoice,
    Evaluation,
    ReconcilerStatus,
    Refund,
    Run,
    Score,
    Standing,
    Submission,
    WorkerStatus,
)


class HiddenSamplesFilter(admin.SimpleListFilter):
    """Filters for submissions that contain hidden samples, which means that somebody has seen these samples."""

    title = gettext_lazy("hidden samples in the submission")
    parameter_name = "overlap"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("some", gettext("Some"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
        return queryset.filter(overlap__gt=0) if self.value() == "some" else queryset


class Exported(ReadOnly):
    """Exports the chosen rows as CSV, with the columns that `exports` lists, and records that as an action of staff."""

    actions: tuple[str, ...] = ("export",)

    @admin.action(description=gettext_lazy("Export as CSV (recorded as an action of staff)"), permissions=["view"])
    def export(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        name = next(name for name, export in EXPORTS.items() if export.model is self.model)
        return csv_files.response(as_csv(name, chosen), name)


@admin.register(Submission)
class SubmissionAdmin(Exported):
    list_display = ("uuid", "user", "challenge", "kind", "state", "created_at")
    list_filter = ("kind", "challenge")
    search_fields = ("uuid", "user__email")

    @admin.display
    def state(self, submission: Submission) -> str:
        return submission.current_for_staff.state


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnly):
    list_display = (
        "id", "submission", "run", "state", "lane", "attempt", "error_code", "overlap", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "lane", "error_code", HiddenSamplesFilter)

    def get_exclude(self, request: HttpRequest, obj: Evaluation | None = None) -> tuple[str, ...]:
        """What learners and models write to each other in a chat is private."""
        is_chat = obj is not None and obj.run is not None and obj.run.purpose == Run.Purpose.CHAT
        return ("result",) if is_chat else ()


@admin.register(WorkerStatus)
class WorkerStatusAdmin(ReadOnly):
    list_display = ("name", "lane", "device", "judge", "problem", "busy_with", "last_seen")


@admin.register(EngineChoice)
class EngineChoiceAdmin(ReadOnly):
    list_display = ("digest", "model", "cpu", "threads", "device", "versions", "choice", "created")


@admin.register(ReconcilerStatus)
class ReconcilerStatusAdmin(ReadOnly):
    list_display = ("name", "last_run", "done", "broken")


admin.site.register([Score, Standing], Exported)
admin.site.register([Run, Refund], ReadOnly)
