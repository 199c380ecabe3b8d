"""Problems with challenges that learners have reported, and how many each may report in a day."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from challenges import kinds
from gradus.courses.models import Challenge, ChallengeVersion

TEXT_CHARS = 2000
# What a learner may report of one challenge on one day.
PER_DAY = 5


class ProblemReport(models.Model):
    """A problem with a version of a challenge. It is open until staff have answered it, and then never changes."""

    class What(models.TextChoices):
        TASK = "task", _("The task or another text is unclear or wrong")
        SAMPLE = "sample", _("A sample or its expected answer is wrong")
        SCORE = "score", _("A score or a mark seems wrong")
        PAGE = "page", _("Something on the page does not work")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="problem_reports")
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="problem_reports")
    track = models.CharField(max_length=kinds.NAME_MAX)
    what = models.CharField(max_length=10, choices=What.choices)
    text = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
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


class ReportSlot(models.Model):
    """One of the reports that a person may make about a challenge on one day, in the course's time zone."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    day = models.DateField()
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    report = models.OneToOneField(ProblemReport, models.CASCADE, related_name="slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_report_in_a_slot", fields=["user", "challenge", "day", "slot"]),
            models.CheckConstraint(name="report_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"report {self.slot} of {self.allowed} on {self.day}"
