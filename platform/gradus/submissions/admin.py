from django.contrib import admin

from gradus.courses.admin import ReadOnly
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

    @admin.display
    def state(self, submission: Submission) -> str:
        return submission.current.state


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
