"""The admin's pages about submissions, evaluations, scores, workers and the reconciler.

Trial runs are private to their learner; the page of an evaluation says what it was a run of.
"""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy

from challenges.kinds.base import Lane
from challenges.registry import kind_names
from gradus import csv_files
from gradus.accounts.admin_site import ReadOnly
from gradus.submissions.models import (
    EngineChoice,
    Evaluation,
    ReconcilerStatus,
    Refund,
    Score,
    Standing,
    Submission,
    SubmissionQuerySet,
    WorkerStatus,
)
from gradus.submissions.results.exports import EXPORTS, as_csv
from gradus.submissions.services.purpose import of as purpose_of
from gradus.submissions.states import CODES

PERSON = gettext_lazy("The beginning of an address, a user name or a pseudonym, or a row's number")
PERSON_OR_UUID = gettext_lazy("The beginning of an address, a user name or a pseudonym, or an attempt's UUID or number")
# So far back the filter by errors looks, which then finds its rows by the index on the end of evaluations.
ERRORS_OF = timedelta(days=30)


class HiddenSamplesFilter(admin.SimpleListFilter):
    """Filters for submissions that contain hidden samples, which means that somebody has seen these samples."""

    title = gettext_lazy("hidden samples in the submission")
    parameter_name = "overlap"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("some", gettext("Some"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
        return queryset.filter(overlap__gt=0) if self.value() == "some" else queryset


class ErrorFilter(admin.SimpleListFilter):
    """Filters for evaluations of the last days that ended with an error. Django's own filter would read all rows."""

    title = gettext_lazy("error in the last 30 days")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(code, code) for code in CODES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Evaluation]) -> QuerySet[Evaluation]:
        if self.value() not in CODES:
            return queryset
        since = timezone.now() - ERRORS_OF
        return queryset.filter(error_code=self.value(), lane__in=[*Lane], finished_at__gte=since)


class KindFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind of payload")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, name) for name in kind_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Submission]) -> QuerySet[Submission]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class Exported(ReadOnly):
    """Exports the chosen rows as CSV, with the columns that `exports` lists, and records that as an action of staff."""

    actions: tuple[str, ...] = ("export",)

    @admin.action(description=gettext_lazy("Export as CSV (recorded as an action of staff)"), permissions=["view"])
    def export(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        name = next(name for name, export in EXPORTS.items() if export.model is self.model)
        return csv_files.response(as_csv(name, chosen), name)


@admin.register(Submission)
class SubmissionAdmin(Exported):
    purpose = gettext_lazy("What became of an attempt; export attempts, or have them graded again")
    people, uuids = "user", "uuid"
    list_display = ("uuid", "user", "challenge", "kind", "state", "annulled", "created_at")
    list_filter = (KindFilter, "annulled", "challenge")
    search_help_text = PERSON_OR_UUID
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        found = super().get_queryset(request)
        assert isinstance(found, SubmissionQuerySet)
        return found.with_current().select_related("user")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_fields(request, obj), "given_back", "gradings"]

    @admin.display(description=gettext_lazy("State"))
    def state(self, submission: Submission) -> str:
        return submission.current_for_staff.state

    @admin.display(description=gettext_lazy("Given back because of"), empty_value="-")
    def given_back(self, submission: Submission) -> str | None:
        return Refund.objects.filter(submission=submission).values_list("reason", flat=True).first()

    @admin.display(description=gettext_lazy("Evaluations"))
    def gradings(self, submission: Submission) -> Any:
        address = f"{reverse('admin:submissions_evaluation_changelist')}?submission__exact={submission.pk}"
        return format_html('<a href="{}">{}</a>', address, gettext("All evaluations of this attempt"))


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnly):
    purpose = gettext_lazy("Why a grading or a run took long, failed, or waits, and on which worker")
    list_display = (
        "id", "of", "state", "lane", "attempt", "error_code", "worker", "overlap", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "lane", ErrorFilter, HiddenSamplesFilter)
    list_select_related = ("submission__user", "submission__challenge", "run__user", "run__version__challenge")
    search_help_text = PERSON_OR_UUID
    people, uuids = "submission__user", "submission__uuid"
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Evaluation]:
        large = ("submission__payload", "run__payload", "run__inputs", "run__version__spec", "run__version__statement")
        found: QuerySet[Evaluation] = super().get_queryset(request).defer(*large)
        return found

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "submission__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=gettext_lazy("Of"))
    def of(self, evaluation: Evaluation) -> str:
        """Names the attempt or the run, and whose it is."""
        if evaluation.submission is not None:
            return str(evaluation.submission)
        run = evaluation.run
        assert run is not None
        named = f"{run.purpose.capitalize()}: {run.version}"
        return f"{named} by {run.user}" if run.user else named

    def get_exclude(self, request: HttpRequest, obj: Evaluation | None = None) -> tuple[str, ...]:
        """What learners and models write to each other in a chat is private."""
        hidden: tuple[str, ...] = super().get_exclude(request, obj)
        return (*hidden, "result") if obj is not None and purpose_of(obj).is_private else hidden


@admin.register(Score)
class ScoreAdmin(Exported):
    purpose = gettext_lazy("Who or what gave which score, and which one it took the place of; export scores")
    people, uuids = "evaluation__submission__user", "evaluation__submission__uuid"
    list_display = ("evaluation_id", "attempt", "shown", "passed", "provisional", "verified_by", "person", "created_at")
    list_filter = ("passed", "provisional", "verified_by")
    list_select_related = ("evaluation__submission__user", "evaluation__submission__challenge", "person")
    search_help_text = PERSON_OR_UUID
    ordering = ("-evaluation",)

    @admin.display(description=gettext_lazy("Attempt"))
    def attempt(self, score: Score) -> str:
        return str(score.evaluation.submission)


@admin.register(Standing)
class StandingAdmin(Exported):
    purpose = gettext_lazy("The best score of somebody on each board, from which ranks are made; export standings")
    people = "user"
    list_display = ("user", "challenge", "track", "season", "shown", "passed", "provisional", "reached_at")
    list_filter = ("passed", "provisional", "challenge")
    list_select_related = ("user", "challenge")
    search_help_text = PERSON
    ordering = ("-id",)


@admin.register(WorkerStatus)
class WorkerStatusAdmin(ReadOnly):
    purpose = gettext_lazy("Which workers run, on what, and which of them cannot work")
    names = ("name",)
    list_display = ("name", "lane", "device", "judge", "problem", "busy_with", "last_seen")
    list_filter = ("lane",)
    search_help_text = gettext_lazy("The beginning of a worker's name")
    ordering = ("name",)


@admin.register(ReconcilerStatus)
class ReconcilerStatusAdmin(ReadOnly):
    purpose = gettext_lazy("Which reconcilers run, and what the last round of each has done")
    names = ("name",)
    list_display = ("name", "last_run", "done", "broken")
    search_help_text = gettext_lazy("The beginning of a reconciler's name")
    ordering = ("name",)


@admin.register(EngineChoice)
class EngineChoiceAdmin(ReadOnly):
    purpose = gettext_lazy("How the engine computes a base model on each kind of machine")
    names = ("digest", "cpu", "device")
    list_display = ("digest", "model", "cpu", "threads", "device", "versions", "created")
    list_filter = ("device",)
    search_help_text = gettext_lazy("The beginning of a digest, of a processor's name or of a device's")
    ordering = ("-id",)
