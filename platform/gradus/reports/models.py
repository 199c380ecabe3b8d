"""Problems with challenges that learners have reported."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from challenges.registry import KIND_NAME_MAX
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Slot

TEXT_CHARS = 2000


class ProblemReport(models.Model):
    """A problem with a version of a challenge. It is open until staff have answered it, and then never changes."""

    class What(models.TextChoices):
        TASK = "task", _("The task or another text is unclear or wrong")
        SAMPLE = "sample", _("A sample or its expected answer is wrong")
        SCORE = "score", _("A score or a mark seems wrong")
        PAGE = "page", _("Something on the page does not work")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="problem_reports")
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="problem_reports")
    track = models.CharField(max_length=KIND_NAME_MAX)
    what = models.CharField(max_length=10, choices=What.choices)
    text = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    slot = models.OneToOneField(Slot, models.RESTRICT, null=True, editable=False, related_name="+")
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="reported_problem_is_known", condition=Q(what__in=["task", "sample", "score", "page"])
            ),
            models.CheckConstraint(name="a_report_says_something", condition=~Q(text="")),
            models.CheckConstraint(name="a_report_is_short", condition=LessThanOrEqual(Length("text"), TEXT_CHARS)),
            models.CheckConstraint(
                name="an_answer_names_the_person",
                condition=Q(answer="", answered_at__isnull=True, answered_by__isnull=True)
                | (~Q(answer="") & Q(answered_at__isnull=False, answered_by__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"report {self.pk} about {self.version}"

    @property
    def is_open(self) -> bool:
        return self.answered_at is None

    @property
    def first_line(self) -> str:
        """The first line that says something."""
        return next((line.strip() for line in self.text.splitlines() if line.strip()), "")
