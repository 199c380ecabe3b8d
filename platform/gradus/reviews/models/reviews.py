"""Reviews and appeals, what is chosen for a question, and reviewers' snippets."""

from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.courses.models import Challenge, Course
from gradus.stored_json import JSONField
from gradus.submissions.models import Evaluation, Submission

APPEAL_CHARS = 2000
COMMENT_CHARS = 2000
# How long a reviewer holds an answer without renewing the lock, and how many at a time.
LOCKED_FOR = timedelta(minutes=15)
LOCKS_MOST = 10


class ReviewQuerySet(models.QuerySet["Review"]):
    def undecided(self) -> Self:
        """Those that can still be decided."""
        return self.filter(decided_at=None, withdrawn_at=None)

    def waiting(self) -> Self:
        """Those that a person has to decide, without those that follow the decision about another."""
        return self.undecided().filter(follows=None)

    def held_by(self, user: Any) -> Self:
        """Those that a person has locked, without the locks that have expired."""
        return self.filter(locked_by=user, locked_until__gt=timezone.now())

    def free_for(self, user: Any) -> Self:
        """Those that nobody else holds."""
        return self.filter(Q(locked_by=None) | Q(locked_by=user) | Q(locked_until__lte=timezone.now()))

    def marked_blind_first(self) -> Self:
        """Those whose reviewer gives own marks before the machine's are shown: audits, and reviews that are blind."""
        return self.filter(MARKED_BLIND_FIRST)


MARKED_BLIND_FIRST = Q(kind="audit") | Q(blind=True)


class Review(models.Model):
    """A grade that a person has to review. It is opened in the transaction that records the grade.

    A decision is never changed. An `audit` is about a final grade that was drawn at random: its reviewer sees the
    machine's marks only after giving own marks, which are stored in `blind_marks`. Only these marks are a fair measure
    of how often the machine is right. A review that is `blind` is marked in the same way.

    A lock keeps an answer for one reviewer until `locked_until`. Its number, `lock_slot`, is unique for the person, so
    parallel requests of one person cannot hold more than `LOCKS_MOST` answers.

    A review that `follows` another is about an earlier attempt with the same text: it gets the same marks when the
    other is decided. One that was withdrawn ended without a decision, because a later attempt waits in its place.
    """

    class Kind(models.TextChoices):
        REVIEW = "review"
        AUDIT = "audit"

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="reviews")
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, related_name="review")
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.REVIEW)
    reasons = JSONField(default=list)
    predicted = models.FloatField(null=True, blank=True, help_text="The machine's score; none where it knew nothing")
    place = models.FloatField(default=0, help_text="By which the queue is sorted; of an audit it tells nothing")
    judge = models.CharField(max_length=120, blank=True, help_text="The model that marked it; none where code did")
    certainty = models.FloatField(
        null=True, blank=True, help_text="As the machine stated it, in [0, 1]; none of grades before 0.4.0"
    )
    language = models.CharField(max_length=8, blank=True, help_text="Of the answer, as a detector guessed it")
    blind = models.BooleanField(
        default=False, db_default=False, help_text="Marked by a person before the machine's marks are shown"
    )
    locked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    locked_until = models.DateTimeField(null=True, blank=True)
    lock_slot = models.PositiveSmallIntegerField(null=True, blank=True)
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    blind_marks = JSONField(null=True, blank=True)
    blind_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    blind_at = models.DateTimeField(null=True, blank=True)
    follows = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="followers")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    marks = JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    comment = models.TextField(
        blank=True, default="", db_default="", help_text="What the reviewer writes to the learner about the answer"
    )
    in_bulk = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The machine's marks were accepted together with those of other answers, so they measure nothing",
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["place", "id"]
        constraints = [
            models.CheckConstraint(
                name="a_decision_has_a_person",
                condition=Q(decided_at__isnull=True, decided_by__isnull=True)
                | Q(decided_at__isnull=False, decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="blind_marks_have_a_person",
                condition=Q(blind_at__isnull=True, blind_by__isnull=True, blind_marks__isnull=True)
                | Q(blind_at__isnull=False, blind_by__isnull=False, blind_marks__isnull=False),
            ),
            models.CheckConstraint(
                name="an_audit_is_marked_blind_first",
                condition=~Q(kind="audit") | Q(decided_at__isnull=True) | Q(blind_at__isnull=False),
            ),
            models.CheckConstraint(
                name="a_blind_review_is_marked_blind_first",
                condition=Q(blind=False) | Q(decided_at__isnull=True) | Q(blind_at__isnull=False),
            ),
            models.CheckConstraint(
                name="a_lock_has_an_end_and_a_slot",
                condition=Q(locked_by__isnull=True)
                # A comparison with NULL is not false, so the constraint says that there is a slot.
                | Q(locked_until__isnull=False, lock_slot__isnull=False, lock_slot__gte=1, lock_slot__lte=LOCKS_MOST),
            ),
            models.UniqueConstraint(name="one_lock_in_a_slot", fields=["locked_by", "lock_slot"]),
            models.CheckConstraint(
                name="a_decided_review_is_not_locked",
                condition=Q(decided_at__isnull=True) | Q(locked_by__isnull=True),
            ),
            models.CheckConstraint(
                name="only_a_plain_review_is_accepted_in_bulk",
                condition=Q(in_bulk=False) | Q(kind="review", blind=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="only_a_plain_review_has_no_estimate",
                condition=Q(predicted__isnull=False) | Q(kind="review", in_bulk=False),
            ),
            models.CheckConstraint(
                name="stated_certainty_is_a_probability",
                condition=Q(certainty__isnull=True) | Q(certainty__gte=0, certainty__lte=1),
            ),
            models.CheckConstraint(
                name="decided_or_withdrawn", condition=Q(decided_at__isnull=True) | Q(withdrawn_at__isnull=True)
            ),
            models.CheckConstraint(
                name="an_audit_neither_follows_nor_is_withdrawn",
                condition=~Q(kind="audit") | Q(follows__isnull=True, withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(name="nothing_follows_itself", condition=~Q(follows=F("id"))),
            models.CheckConstraint(
                name="only_what_waits_is_locked",
                condition=Q(locked_by__isnull=True) | Q(follows__isnull=True, withdrawn_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.submission}"

    @property
    def is_waiting(self) -> bool:
        """True while a person has to decide it, as in `ReviewQuerySet.waiting`."""
        return self.decided_at is None and self.withdrawn_at is None and self.follows_id is None

    @property
    def is_blind(self) -> bool:
        """True while the reviewer must not see the machine's marks."""
        return (self.blind or self.kind == self.Kind.AUDIT) and self.blind_at is None

    @property
    def is_locked(self) -> bool:
        """True while somebody holds the answer."""
        return self.locked_by_id is not None and self.locked_until is not None and self.locked_until > timezone.now()


class QuestionSettings(models.Model):
    """What the people who teach a course have chosen for a question. Without a row, every choice is off."""

    challenge = models.OneToOneField(Challenge, models.CASCADE, related_name="question_settings")
    blind = models.BooleanField(
        default=False, db_default=False, help_text="Reviewers mark every answer before they see the machine's marks"
    )

    class Meta:
        verbose_name = verbose_name_plural = "settings of a question"

    def __str__(self) -> str:
        return f"settings of {self.challenge}"


class Appeal(models.Model):
    """A learner's appeal against a grade. A second grader looks at it first, if one is set up, and then a person.

    An evaluation has at most one appeal, and a submission at most one open appeal.
    """

    class Stage(models.TextChoices):
        SECOND = "second", "with a second grader"
        PERSON = "person", "with a person"
        CLOSED = "closed"

    class Outcome(models.TextChoices):
        RAISED = "raised", _("Raised")
        KEPT = "kept", _("Kept")
        LOWERED = "lowered", _("Lowered")

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="appeals")
    evaluation = models.OneToOneField(Evaluation, models.CASCADE, related_name="appeal")
    second = models.OneToOneField(Evaluation, models.CASCADE, null=True, blank=True, related_name="appeal_of_first")
    text = models.TextField(max_length=APPEAL_CHARS)
    stage = models.CharField(max_length=6, choices=Stage.choices, default=Stage.PERSON)
    outcome = models.CharField(max_length=7, choices=Outcome.choices, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_open_appeal", fields=["submission"], condition=Q(closed_at__isnull=True)),
            models.CheckConstraint(
                name="a_closed_appeal_has_an_outcome",
                condition=(Q(stage="closed", closed_at__isnull=False) & ~Q(outcome=""))
                | (~Q(stage="closed") & Q(closed_at__isnull=True, outcome="")),
            ),
            models.CheckConstraint(
                name="a_second_grader_has_an_evaluation", condition=~Q(stage="second") | Q(second__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"appeal against {self.evaluation}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class Snippet(models.Model):
    """A text that a reviewer keeps for comments, for all courses or for one. Nobody else sees it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="snippets")
    course = models.ForeignKey(Course, models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=60)
    text = models.TextField(max_length=COMMENT_CHARS)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(name="one_snippet_by_name", fields=["user", "name"]),
            models.CheckConstraint(name="a_snippet_has_name_and_text", condition=~Q(name="") & ~Q(text="")),
        ]

    def __str__(self) -> str:
        return self.name
