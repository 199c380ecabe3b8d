from django.contrib import admin

from gradus.courses.admin import ReadOnly
from gradus.reviews.models import Appeal, Budget, JudgeCall, Review


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    list_display = ("submission", "predicted", "reasons", "opened_at", "decided_by", "decided_at")
    list_filter = ("decided_at",)


@admin.register(JudgeCall)
class JudgeCallAdmin(ReadOnly):
    list_display = ("id", "evaluation", "model", "rung", "problem", "prompt_tokens", "completion_tokens", "seconds")


admin.site.register([Appeal, Budget], ReadOnly)
