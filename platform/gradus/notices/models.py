"""Notices: what has ended while a learner was away. And who wants them by mail as well."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Annulment, Evaluation, Mark, Run, Submission

VERSIONS = (
    "evaluation__submission__version",
    "evaluation__run__version",
    "evaluation__graded_version",
    "report__version",
    "mark__challenge__version",
    "annulment__submission__version",
)
ABOUT_ONE_THING = {
    "evaluation": ("graded", "failed", "run", "reviewed", "appealed", "regraded"),
    "report": ("answered",),
    "announcement": ("announced",),
    "mark": ("hidden", "restored", "kept"),
    "annulment": ("annulled", "counts"),
    "merge": ("merge", "no_merge", "merged"),
}


def about_one_thing() -> Q:
    """Returns the condition that a notice is about what its kind says, and about nothing else."""
    wanted = Q()
    for thing, kinds in ABOUT_ONE_THING.items():
        wanted |= Q(kind__in=kinds, **{f"{name}__isnull": name != thing for name in ABOUT_ONE_THING})
    return wanted


class NoticeQuerySet(models.QuerySet["Notice"]):
    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def unseen(self) -> Self:
        return self.filter(seen_at=None)

    def with_subjects(self) -> Self:
        """Loads what a notice is about, without the large fields of challenges."""
        content = [name for path in VERSIONS for name in ChallengeVersion.content(path)]
        with_them = self.select_related(
            *VERSIONS, "evaluation__score", "report__version__challenge", "announcement__of_class__course"
        )
        return with_them.defer(*content)


class Notice(models.Model):
    """Tells one learner that something has ended, what is announced to a class of theirs, or what is asked of them.

    There is at most one notice about an evaluation, and about a report, one for each learner of an announcement, and
    one of each kind about a decision on an entry of a leaderboard or an attempt, and about a merge of two accounts.

    The row is also the outbox of mails: a process sends a mail only after it has set `mailed_at`.
    """

    class Kind(models.TextChoices):
        GRADED = "graded", _("Attempt graded")
        FAILED = "failed", _("Attempt not graded")
        RUN = "run", _("Run on public samples ended")
        REVIEWED = "reviewed", _("Reviewed by a person")
        APPEALED = "appealed", _("Appeal decided")
        REGRADED = "regraded", _("Graded again")
        ANSWERED = "answered", _("Report answered")
        ANNOUNCED = "announced", _("Announcement of a class")
        HIDDEN = "hidden", _("Entry of a leaderboard hidden")
        RESTORED = "restored", _("Hidden entry restored")
        KEPT = "kept", _("Answer about a hidden entry read")
        ANNULLED = "annulled", _("Attempt annulled")
        COUNTS = "counts", _("Annulled attempt counts again")
        MERGE = "merge", _("Merge of two accounts proposed")
        NO_MERGE = "no_merge", _("Merge of two accounts refused or withdrawn")
        MERGED = "merged", _("Two accounts merged")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, null=True, blank=True, related_name="notice")
    report = models.OneToOneField("reports.ProblemReport", models.CASCADE, null=True, blank=True, related_name="notice")
    announcement = models.ForeignKey(
        "classes.Announcement", models.CASCADE, null=True, blank=True, related_name="notices"
    )
    mark = models.ForeignKey(Mark, models.CASCADE, null=True, blank=True, related_name="notices")
    annulment = models.ForeignKey(Annulment, models.CASCADE, null=True, blank=True, related_name="notices")
    merge = models.ForeignKey("accounts.Merge", models.CASCADE, null=True, blank=True, related_name="notices")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True, help_text=_("When a process took it on to send a mail"))

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="a_notice_is_about_one_thing", condition=about_one_thing()),
            models.UniqueConstraint(
                name="one_notice_of_an_announcement",
                fields=["announcement", "user"],
                condition=Q(announcement__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_notice_of_a_kind_of_a_mark", fields=["mark", "kind"], condition=Q(mark__isnull=False)
            ),
            models.UniqueConstraint(
                name="one_notice_of_a_kind_of_an_annulment",
                fields=["annulment", "kind"],
                condition=Q(annulment__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_notice_of_a_kind_of_a_merge",
                fields=["merge", "kind", "user"],
                condition=Q(merge__isnull=False),
            ),
            models.CheckConstraint(
                name="a_notice_is_mailed_after_it_was_written",
                condition=Q(mailed_at__isnull=True) | Q(mailed_at__gte=models.F("created_at")),
            ),
        ]
        indexes = [
            models.Index(name="notices_unseen", fields=["user"], condition=Q(seen_at__isnull=True)),
            models.Index(
                name="notices_to_mail",
                fields=["created_at"],
                condition=Q(mailed_at__isnull=True, seen_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.user}"

    @property
    def owner(self) -> Submission | Run | None:
        """The submission or run that it is about; None where it is about a report, say."""
        if self.annulment is not None:
            return self.annulment.submission
        return None if self.evaluation is None else self.evaluation.submission or self.evaluation.run

    @property
    def version(self) -> ChallengeVersion | None:
        """The version of the challenge that it is about; None where it is about an announcement."""
        if self.mark is not None:
            return self.mark.challenge.version
        if self.annulment is not None:
            return self.annulment.submission.version
        subject = self.evaluation or self.report
        return None if subject is None else subject.version

    @property
    def subject(self) -> str:
        """The title of what it is about: of a challenge, or of a class."""
        if self.announcement is not None:
            return self.announcement.of_class.title
        return "" if self.version is None else self.version.parsed.title

    @property
    def title_template(self) -> str:
        return "notices/_title.txt" if self.announcement is None else "notices/_announced.txt"

    @property
    def address(self) -> str:
        """The path of the page that shows what has ended."""
        if self.report is not None:
            return reverse("notices:list") + f"#notice-{self.pk}"
        if self.announcement is not None:
            course = self.announcement.of_class.course
            return reverse("learn:course", args=[course.slug]) + f"#announcement-{self.announcement.pk}"
        if self.mark is not None:
            return reverse("leaderboards:hidden", args=[self.mark.challenge.slug])
        if self.merge_id is not None:
            return reverse("account_merge")
        assert self.owner is not None
        return reverse("learn:run" if self.kind == self.Kind.RUN else "learn:submission", args=[self.owner.uuid])


class MailWish(models.Model):
    """A learner wants notices by mail as well. `site` is the address under which the learner uses the site."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="mail_wish")
    site = models.URLField(max_length=300)
    since = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "mail wishes"

    def __str__(self) -> str:
        return f"mails for {self.user}"
