from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from gradus.courses.admin import ReadOnly
from gradus.submissions import services
from gradus.submissions.models import (
    Evaluation,
    ReconcilerStatus,
    Refund,
    Run,
    Score,
    Standing,
    Submission,
    WorkerStatus,
)


@admin.register(Submission)
class SubmissionAdmin(ReadOnly):
    list_display = ("uuid", "user", "challenge", "kind", "state", "created_at")
    list_filter = ("kind", "challenge")
    search_fields = ("uuid", "user__email")
    actions = ("regrade",)

    @admin.display
    def state(self, submission: Submission) -> str:
        return submission.current.state

    def has_regrade_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    @admin.action(description="Regrade (a new evaluation; a person's decision stays)", permissions=["regrade"])
    def regrade(self, request: HttpRequest, chosen: QuerySet[Submission]) -> None:
        for submission in chosen:
            try:
                services.regrade(submission)
            except services.Refused as refusal:
                self.message_user(request, f"{submission.uuid}: {refusal}", messages.WARNING)


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnly):
    list_display = ("id", "submission", "run", "state", "lane", "attempt", "error_code", "created_at", "finished_at")
    list_filter = ("state", "lane", "error_code")


@admin.register(WorkerStatus)
class WorkerStatusAdmin(ReadOnly):
    list_display = ("name", "lane", "device", "judge", "problem", "busy_with", "last_seen")


@admin.register(ReconcilerStatus)
class ReconcilerStatusAdmin(ReadOnly):
    list_display = ("name", "last_run", "done", "broken")


admin.site.register([Run, Score, Standing, Refund], ReadOnly)
