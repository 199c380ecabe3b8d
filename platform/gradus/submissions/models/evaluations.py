"""Submissions and runs, and each grading of them."""

import copy
import uuid
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import F, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from challenges.kinds.base import Lane
from challenges.registry import KIND_NAME_MAX, kind_names
from gradus.classes.models import Class
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.stored_json import JSONField
from gradus.submissions.models.indexes import OF_ATTEMPTS, OF_EVALUATIONS
from gradus.submissions.purposes import TRIAL, known_purpose
from gradus.submissions.states import CODES, GRADED, MAX_ATTEMPTS, OPEN, WITHHELD, State

LANES = [(lane.value, lane.value) for lane in Lane]


def known_kind(name: str) -> None:
    """Raises ValidationError for a name that is not in the registry of kinds."""
    if name not in kind_names():
        raise ValidationError(f"There is no kind of challenge called {name}.")


class Grader(models.TextChoices):
    AI = "ai", "AI"
    SECOND = "second", "second grader"
    PERSON = "person"


# Content that comes along with a submission's challenge and is not asked for.
BESIDE = (
    *ChallengeVersion.content("version"),
    *(f"challenge__lesson__{name}" for name in ("text", "spec", "measured", "findings", "arms", "records")),
)


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def released(self) -> Self:
        """Those whose grade is not withheld from the learner."""
        return self.filter(grade_withheld=False)

    def with_current(self) -> Self:
        return (
            self.select_related("version", "challenge__lesson__course")
            .defer(*BESIDE)
            .prefetch_related(
                models.Prefetch(
                    "evaluations",
                    Evaluation.objects.filter(is_current=True)
                    .select_related("score", "graded_version")
                    .defer(*ChallengeVersion.content("graded_version")),
                    to_attr="current_evaluations",
                )
            )
        )


class Submission(models.Model):
    """An immutable attempt."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="submissions")
    challenge = models.ForeignKey(Challenge, models.PROTECT, related_name="submissions")
    version = models.ForeignKey(ChallengeVersion, models.PROTECT, related_name="submissions")
    kind = models.CharField(max_length=KIND_NAME_MAX, validators=[known_kind])
    payload = JSONField()
    payload_sha256 = models.CharField(max_length=64)
    text_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="`challenges.texts.digest` of an answer whose criteria are marked; empty for other kinds",
    )
    idempotency_key = models.CharField(max_length=80)
    withdraws_earlier = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="The learner agreed that earlier attempts are withdrawn once this one waits for a person",
    )
    of_class = models.ForeignKey(
        Class,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="submissions",
        help_text="The class for which it counts, for ever; none where it is self-study",
    )
    # The two change only from withheld to released, except before there is a grade: see `triggers.py`.
    grade_withheld = models.BooleanField(default=False, db_default=False, editable=False)
    details_withheld = models.BooleanField(default=False, db_default=False, editable=False)
    season = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="The season of the leaderboards in which it was submitted"
    )
    annulled = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="A person decided that it counts nowhere"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Without a default, because SQLite would make the table anew, which triggers of other tables do not allow.
    fingerprinted_at = models.DateTimeField(
        null=True, editable=False, help_text="When it was listed for the search for similar attempts"
    )

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="one_submission_by_key", fields=["user", "challenge", "idempotency_key"]),
            models.CheckConstraint(
                name="no_details_without_the_grade", condition=Q(grade_withheld=False) | Q(details_withheld=True)
            ),
            models.CheckConstraint(
                name="only_a_class_withholds", condition=Q(details_withheld=False) | Q(of_class__isnull=False)
            ),
        ]
        indexes = OF_ATTEMPTS

    def __str__(self) -> str:
        return f"{self.challenge} by {self.user}"

    @property
    def shows_details(self) -> bool:
        """Whether the learner sees results of public samples, marks of criteria and the like."""
        return not self.details_withheld

    @property
    def annulment(self) -> Any:
        """The `Annulment` because of which the attempt counts nowhere, or None."""
        return self.annulments.filter(ended_at=None).first() if self.annulled else None

    @property
    def current(self) -> "Evaluation":
        """The current evaluation as the learner may see it: without what is withheld."""
        return self.current_for_staff.as_shown(self)

    @property
    def current_for_staff(self) -> "Evaluation":
        """The current evaluation as it is stored, with a grade that may be withheld from the learner."""
        prefetched: list[Evaluation] | None = getattr(self, "current_evaluations", None)
        return prefetched[0] if prefetched else self.evaluations.select_related("score").get(is_current=True)


RUN_NAME_CHARS = 60


class RunQuerySet(models.QuerySet["Run"]):
    def trials_of(self, user: Any, challenge: Any) -> Self:
        """A learner's own trials at a challenge, whichever its version."""
        return self.trials().filter(user=user, user__isnull=False, version__challenge=challenge)

    def trials(self) -> Self:
        return self.filter(purpose=TRIAL)

    def with_current(self) -> Self:
        current = Evaluation.objects.filter(is_current=True)
        return self.prefetch_related(models.Prefetch("evaluations", current, to_attr="current_evaluations"))


class Run(models.Model):
    """A trial on public samples, the demo, a repetition of a finding's arm, a chat, a measurement of what a request
    costs, of an attempt or, without one, of the baseline in `label`, a check that verifies a challenge version, or an
    attempt that staff run again (see `Rerun`, whose attempt has the payload).

    Such checks are lint, a baseline, and a repetition of a finding's arm that is compared with the author's record (a
    proof). A run is never scored and costs no attempt.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="runs")
    purpose = models.CharField(max_length=10, validators=[known_purpose], default=TRIAL)
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=KIND_NAME_MAX, validators=[known_kind])
    payload = JSONField()
    inputs = JSONField(default=list)
    adapter = models.CharField(
        max_length=300,
        blank=True,
        help_text="A demo's folder in private storage; of a chat, the zip in the store of artifacts",
    )
    label = models.CharField(max_length=80, blank=True)
    name = models.CharField(
        max_length=RUN_NAME_CHARS, blank=True, db_default="", help_text="What the learner calls a trial"
    )
    finding = models.CharField(max_length=64, blank=True, help_text="The lesson's finding whose arm it repeats")
    arm = models.CharField(max_length=64, blank=True)
    repetition = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Which of the arm's, from 1")
    measures = models.ForeignKey(
        Submission, models.CASCADE, null=True, blank=True, related_name="measurements", help_text="Whose costs"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(name="runs_by_their_end", fields=["expires_at"])]
        constraints = [
            models.CheckConstraint(
                name="a_findings_run_names_arm_and_repetition",
                # A comparison with NULL is not false, so a missing repetition is ruled out by name.
                condition=(
                    Q(purpose__in=("finding", "proof"), repetition__isnull=False, repetition__gte=1)
                    & ~Q(finding="")
                    & ~Q(arm="")
                )
                | (~Q(purpose__in=("finding", "proof")) & Q(finding="", arm="", repetition__isnull=True)),
            ),
            # SQLite does not limit the length of a text by itself.
            models.CheckConstraint(
                name="a_runs_name_is_short", condition=LessThanOrEqual(Length("name"), RUN_NAME_CHARS)
            ),
            models.CheckConstraint(
                name="only_costs_are_measured_of_an_attempt", condition=Q(purpose="costs") | Q(measures__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.version}"

    @property
    def is_trial(self) -> bool:
        return self.purpose == TRIAL

    @property
    def current(self) -> "Evaluation":
        prefetched: list[Evaluation] | None = getattr(self, "current_evaluations", None)
        return prefetched[0] if prefetched else self.evaluations.get(is_current=True)


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def open(self) -> Self:
        return self.filter(state__in=OPEN)

    def claimable(self, lane: str, profile: str) -> Self:
        return self.filter(
            Q(engine_profile="") | Q(engine_profile=profile),
            lane=lane,
            state=State.QUEUED,
            available_at__lte=Now(),
        ).order_by("fair_share_rank", "id")

    def expired(self) -> Self:
        return self.filter(state=State.RUNNING, lease_until__lt=Now())

    def unlocked(self) -> Self:
        """Locks what nobody else holds, within a transaction. On SQLite there is one lock for all."""
        can = connections[self.db].features.has_select_for_update_skip_locked
        return self.select_for_update(skip_locked=True) if can else self


class Evaluation(models.Model):
    """One grading of a submission, or of a run. `fence` rises with each claim; a late writer changes 0 rows."""

    submission = models.ForeignKey(Submission, models.CASCADE, null=True, related_name="evaluations")
    run = models.ForeignKey(Run, models.CASCADE, null=True, related_name="evaluations")
    number = models.PositiveSmallIntegerField(default=1)
    is_current = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in State], default=State.QUEUED)
    lane = models.CharField(max_length=12, choices=LANES)
    fair_share_rank = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(db_default=Now())
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=MAX_ATTEMPTS)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    postponed_since = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    grader = models.CharField(max_length=20, choices=Grader.choices, default=Grader.AI)
    graded_version = models.ForeignKey(
        ChallengeVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where not the submission's",
    )
    shadow = models.BooleanField(default=False, help_text="Graded beside the grade that counts")
    proposal = JSONField(null=True, blank=True, help_text="The score that is held until it is adopted")
    grader_version = models.CharField(max_length=40, blank=True)
    engine_profile = models.CharField(max_length=80, blank=True)
    engine_choice = models.CharField(
        max_length=12,
        blank=True,
        db_default="",
        help_text="Digest of the engine's choice with which a runner computed the grade",
    )
    worker = models.CharField(max_length=120, blank=True)
    result = JSONField(null=True, blank=True, help_text="What the learner may see: public samples only")
    raw = models.CharField(max_length=200, blank=True, help_text="Per-row outputs, in private storage")
    artifact = models.CharField(max_length=200, blank=True)
    # Without a default, because SQLite would make the table anew, which triggers of other tables do not allow.
    trained = JSONField(
        null=True,
        blank=True,
        help_text="A trained model in private storage whose grading ran out of time, with the digest of its file",
    )
    overlap = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Hidden rows, or gold answers, that were handed in; never shown to a learner"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="state_is_known", condition=Q(state__in=[s.value for s in State])),
            models.CheckConstraint(
                name="of_a_submission_or_a_run",
                condition=Q(submission__isnull=False, run__isnull=True) | Q(submission__isnull=True, run__isnull=False),
            ),
            models.CheckConstraint(
                name="running_has_a_lease",
                condition=Q(state=State.RUNNING, lease_until__isnull=False)
                | (~Q(state=State.RUNNING) & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(name="attempts_are_bounded", condition=Q(attempt__lte=F("max_attempts"))),
            models.UniqueConstraint(name="evaluations_are_numbered", fields=["submission", "number"]),
            models.UniqueConstraint(name="runs_are_numbered", fields=["run", "number"]),
            models.UniqueConstraint(name="one_current", fields=["submission"], condition=Q(is_current=True)),
            models.UniqueConstraint(
                name="one_open", fields=["submission"], condition=Q(state__in=[s.value for s in OPEN])
            ),
            models.CheckConstraint(
                name="what_is_held_is_not_current", condition=Q(proposal__isnull=True) | Q(is_current=False)
            ),
            models.CheckConstraint(
                name="a_run_meets_no_hidden_row", condition=Q(submission__isnull=False) | Q(overlap=0)
            ),
        ]
        indexes = OF_EVALUATIONS

    def __str__(self) -> str:
        return f"evaluation {self.pk}: {self.state}"

    @property
    def version(self) -> ChallengeVersion:
        """What it is graded by: the owner's version, or the newer one of a regrade."""
        owner = self.submission or self.run
        assert owner is not None
        return self.graded_version or owner.version

    @property
    def version_id(self) -> int:
        """`version`'s key, without loading it."""
        owner = self.submission or self.run
        assert owner is not None
        return self.graded_version_id or owner.version_id

    def as_shown(self, submission: Submission) -> "Evaluation":
        """This evaluation as the learner of its submission may see it.

        Without its details it is a copy that has no result. While the grade is withheld, what was graded is a new
        evaluation in the state `WITHHELD`. It is not stored and has no key, so that nothing of the grade hangs on it.
        """
        if submission.shows_details:
            return self
        if submission.grade_withheld and self.state in GRADED:
            return Evaluation(submission=submission, state=WITHHELD, lane=self.lane, created_at=self.created_at)
        shown = copy.copy(self)
        shown.result, shown.raw = None, ""
        return shown

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def message(self) -> str:
        """What a learner reads about `error_code`."""
        if (code := CODES.get(self.error_code)) is None:
            return ""
        return str((self.run_id and code.of_run) or code.message)
