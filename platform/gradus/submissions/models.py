import uuid
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import F, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from challenges import kinds
from challenges.kinds.base import Lane
from challenges.texts import several
from gradus.courses.models import Calibration, Challenge, ChallengeVersion
from gradus.submissions.error_codes import CODES
from gradus.submissions.states import MAX_ATTEMPTS, OPEN, State

LANES = [(lane.value, lane.value) for lane in Lane]


def known_kind(name: str) -> None:
    """Raises ValidationError for a name that is not in the registry of kinds."""
    if name not in kinds.names():
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
    kind = models.CharField(max_length=kinds.NAME_MAX, validators=[known_kind])
    payload = models.JSONField()
    payload_sha256 = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(name="one_submission_by_key", fields=["user", "challenge", "idempotency_key"])
        ]

    def __str__(self) -> str:
        return f"{self.challenge} by {self.user}"

    @property
    def current(self) -> "Evaluation":
        found: list[Evaluation] | None = getattr(self, "current_evaluations", None)
        return found[0] if found else self.evaluations.select_related("score").get(is_current=True)


RUN_NAME_CHARS = 60


class RunQuerySet(models.QuerySet["Run"]):
    def trials_of(self, user: Any, challenge: Any) -> Self:
        """A learner's own trials at a challenge, whichever its version."""
        return self.filter(user=user, user__isnull=False, purpose=Run.Purpose.TRIAL, version__challenge=challenge)

    def with_current(self) -> Self:
        current = Evaluation.objects.filter(is_current=True)
        return self.prefetch_related(models.Prefetch("evaluations", current, to_attr="current_evaluations"))


class Run(models.Model):
    """A trial on public samples, the demo, a repetition of a finding's arm, a chat, a baseline on the server, or a
    measurement of what a request costs, of an attempt or, without one, of the baseline in `label`.

    It is never scored and costs no attempt.
    """

    class Purpose(models.TextChoices):
        TRIAL = "trial"
        DEMO = "demo"
        BASELINE = "baseline"
        FINDING = "finding"
        CHAT = "chat"
        COSTS = "costs"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="runs")
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.TRIAL)
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=kinds.NAME_MAX, validators=[known_kind])
    payload = models.JSONField()
    inputs = models.JSONField(default=list)
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
        constraints = [
            models.CheckConstraint(
                name="a_findings_run_names_arm_and_repetition",
                # A comparison with NULL is not false, so a missing repetition is ruled out by name.
                condition=(
                    Q(purpose="finding", repetition__isnull=False, repetition__gte=1) & ~Q(finding="") & ~Q(arm="")
                )
                | (~Q(purpose="finding") & Q(finding="", arm="", repetition__isnull=True)),
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
    def current(self) -> "Evaluation":
        found: list[Evaluation] | None = getattr(self, "current_evaluations", None)
        return found[0] if found else self.evaluations.get(is_current=True)


class QuotaSlot(models.Model):
    """One attempt of a day, in the course's time zone. The unique key is what settles parallel submits."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    day = models.DateField()
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="quota_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_attempt_in_a_slot", fields=["user", "challenge", "day", "slot"]),
            models.CheckConstraint(name="slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"{self.slot} of {self.allowed} on {self.day}"


class GuestSlot(models.Model):
    """One of the submissions that a guest has in all."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="guest_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_submission_in_a_guest_slot", fields=["user", "slot"]),
            models.CheckConstraint(name="guest_slot_within_limit", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"guest slot {self.slot} of {self.allowed}"


class InFlight(models.Model):
    """An open submission. A learner has only so many at a time; the slot is freed when the grading ends."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="in_flight")

    class Meta:
        verbose_name = "submission in flight"
        verbose_name_plural = "submissions in flight"
        constraints = [
            models.UniqueConstraint(name="one_open_submission_in_a_slot", fields=["user", "slot"]),
            models.CheckConstraint(
                name="in_flight_slot_within_limit", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"open {self.slot} of {self.allowed}"


class RunSlot(models.Model):
    """An open run. A learner has only so many at a time; the slot is freed when the run ends.

    Chats have slots of their own, so that a chat takes no place of a trial.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    is_chat = models.BooleanField(default=False, db_default=False)
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    run = models.OneToOneField(Run, models.CASCADE, related_name="slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_open_run_in_a_slot", fields=["user", "is_chat", "slot"]),
            models.CheckConstraint(name="run_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
            models.CheckConstraint(name="one_chat_at_a_time", condition=Q(is_chat=False) | Q(allowed=1)),
        ]

    def __str__(self) -> str:
        return f"open run {self.slot} of {self.allowed}"


class CancelSlot(models.Model):
    """An attempt that its learner cancelled and got back. A day, in the course's zone, has only so many.

    Attempts that waited have slots of their own: they cost the site less than those that ran.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    day = models.DateField()
    was_running = models.BooleanField(default=True, db_default=True)
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="cancel_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_cancelled_attempt_in_a_slot", fields=["user", "day", "was_running", "slot"]
            ),
            models.CheckConstraint(name="cancel_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"given back {self.slot} of {self.allowed} on {self.day}"


class MeasurementSlot(models.Model):
    """A measurement of costs that a learner has started. A day, in the course's zone, has only so many."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    day = models.DateField()
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    run = models.OneToOneField(Run, models.CASCADE, related_name="measurement_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_measurement_in_a_slot", fields=["user", "day", "slot"]),
            models.CheckConstraint(
                name="measurement_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"measurement {self.slot} of {self.allowed} on {self.day}"


class OpenMeasurement(models.Model):
    """A measurement of costs that has not ended: of an attempt, or without one, of the baseline in `label`.

    The unique keys let parallel requests start only one of the same thing. The row goes when the measurement ends.
    """

    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="+")
    measures = models.ForeignKey(Submission, models.CASCADE, null=True, related_name="+")
    label = models.CharField(max_length=80, blank=True)
    run = models.OneToOneField(Run, models.CASCADE, related_name="open_measurement")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_measurement_of_an_attempt",
                fields=["version", "measures"],
                condition=Q(measures__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_measurement_of_a_baseline",
                fields=["version", "label"],
                condition=Q(measures__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"open measurement of {self.measures or self.label}"


class NetworkSlot(models.Model):
    """One of the attempts at a challenge that are graded in a day, in the course's zone, for all visitors of a network.

    `network` is a keyed hash that is another one each day; see `accounts.networks`. Old rows are deleted.
    """

    network = models.CharField(max_length=64)
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    day = models.DateField(db_index=True)
    slot = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="network_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_attempt_in_a_network_slot", fields=["network", "challenge", "day", "slot"]
            ),
            models.CheckConstraint(
                name="network_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"network's {self.slot} of {self.allowed} on {self.day}"


class HintsTaken(models.Model):
    """How many hints of a challenge a learner has seen; a hint costs nothing, but the path may tell."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "hints taken"
        constraints = [
            models.UniqueConstraint(name="one_count_of_hints", fields=["user", "challenge"]),
            models.CheckConstraint(name="three_hints", condition=Q(count__lte=3)),
        ]

    def __str__(self) -> str:
        return several(self.count, "hint")


class Refund(models.Model):
    """Why an attempt was given back."""

    submission = models.OneToOneField(Submission, models.CASCADE, related_name="refund")
    reason = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.reason


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
    proposal = models.JSONField(null=True, blank=True, help_text="The score that is held until it is adopted")
    grader_version = models.CharField(max_length=40, blank=True)
    engine_profile = models.CharField(max_length=80, blank=True)
    engine_choice = models.CharField(
        max_length=12,
        blank=True,
        db_default="",
        help_text="Digest of the engine's choice with which a runner computed the grade",
    )
    worker = models.CharField(max_length=120, blank=True)
    result = models.JSONField(null=True, blank=True, help_text="What the learner may see: public samples only")
    raw = models.CharField(max_length=200, blank=True, help_text="Per-row outputs, in private storage")
    artifact = models.CharField(max_length=200, blank=True)
    # Without a default, because SQLite would make the table anew, which triggers of other tables do not allow.
    trained = models.JSONField(
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
        indexes = [
            models.Index(name="queue", fields=["lane", "fair_share_rank", "id"], condition=Q(state=State.QUEUED)),
            models.Index(name="leases", fields=["lease_until"], condition=Q(state=State.RUNNING)),
            models.Index(name="ended_lately", fields=["lane", "finished_at"], condition=Q(finished_at__isnull=False)),
            models.Index(name="still_open", fields=["created_at"], condition=Q(state__in=[s.value for s in OPEN])),
        ]

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

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def message(self) -> str:
        """What a learner reads about `error_code`."""
        if (code := CODES.get(self.error_code)) is None:
            return ""
        return str((self.run_id and code.of_run) or code.message)


class ScoreQuerySet(models.QuerySet["Score"]):
    def current(self) -> Self:
        return self.filter(evaluation__is_current=True)

    def on(self, challenge: Any, track: str) -> Self:
        """Scores of one board."""
        return self.filter(evaluation__submission__challenge=challenge, evaluation__submission__kind=track)

    def of_version(self, version: ChallengeVersion) -> Self:
        """Scores that this content gave: to its own submissions, and in a regrade to older ones."""
        own = Q(evaluation__graded_version=None, evaluation__submission__version=version)
        return self.filter(own | Q(evaluation__graded_version=version))

    def best_first(self) -> Self:
        """What a standing is made of: passed, then verified, then the highest shown, then the earliest."""
        return self.order_by("-passed", "provisional", "-shown", "created_at", "evaluation_id")


class Score(models.Model):
    """A hidden score. `shown` is `value` floored to the challenge's step; only it decides and is displayed."""

    class VerifiedBy(models.TextChoices):
        # A judge that has passed the gate marked the answer.
        AI = "ai"
        # Computed from labels, or from a grade that the author has given to the same text.
        CODE = "code"
        PERSON = "person"

    evaluation = models.OneToOneField(Evaluation, models.CASCADE, primary_key=True, related_name="score")
    value = models.FloatField()
    shown = models.FloatField()
    private_value = models.FloatField(null=True, blank=True)
    passed = models.BooleanField()
    gold = models.BooleanField(default=False)
    provisional = models.BooleanField(default=False)
    verified_by = models.CharField(max_length=8, choices=VerifiedBy.choices, null=True, blank=True)  # noqa: DJ001
    before = models.FloatField(null=True, blank=True, help_text="The final score that this one took the place of")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who gave it, or approved that it lowers the one before",
    )
    judge = models.CharField(max_length=200, blank=True, help_text="Model and template of the judge behind the marks")
    calibration = models.ForeignKey(Calibration, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ScoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="score_in_unit", condition=Q(value__gte=0, value__lte=1)),
            models.CheckConstraint(name="shown_in_unit", condition=Q(shown__gte=0, shown__lte=1)),
            models.CheckConstraint(
                name="private_in_unit",
                condition=Q(private_value__isnull=True) | Q(private_value__gte=0, private_value__lte=1),
            ),
            models.CheckConstraint(
                name="provisional_is_unverified",
                condition=Q(provisional=True, verified_by__isnull=True, gold=False)
                | Q(provisional=False, verified_by__isnull=False),
            ),
            models.CheckConstraint(
                name="lowering_needs_a_person",
                condition=Q(before__isnull=True) | Q(shown__gte=F("before")) | Q(person__isnull=False),
            ),
            models.CheckConstraint(
                name="a_final_score_stays_final", condition=Q(before__isnull=True) | Q(provisional=False)
            ),
            models.CheckConstraint(
                name="a_persons_score_names_the_person",
                condition=~Q(verified_by="person") | Q(verified_by__isnull=True) | Q(person__isnull=False),
            ),
            models.CheckConstraint(
                name="a_judges_final_score_is_calibrated",
                condition=Q(judge="")
                | Q(verified_by__isnull=True)
                | Q(verified_by="person")
                | Q(calibration__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shown:.2f}"

    @property
    def graded_by(self) -> str:
        """`verified_by` as pages name it. Version 0.2.0 stored `ai` for scores that code computed without a judge."""
        return (
            self.VerifiedBy.CODE
            if self.verified_by == self.VerifiedBy.AI and not self.judge
            else self.verified_by or ""
        )


class Event(models.Model):
    """What the submission page follows. Written under the fence only."""

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=20)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["evaluation", "seq"]
        constraints = [models.UniqueConstraint(name="events_are_numbered", fields=["evaluation", "seq"])]

    def __str__(self) -> str:
        return f"{self.type} {self.seq}"


class StandingQuerySet(models.QuerySet["Standing"]):
    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def ranked(self) -> Self:
        """What leaderboards show: verified scores of people with an account, best first, earliest first."""
        return self.filter(ranked=True).order_by("-shown", "reached_at", "id")


class Standing(models.Model):
    """The best shown score of a learner on a track of one version of a challenge; rebuildable from scores.

    A board holds one version. What was passed under an older one stays passed on the path.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="standings")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="standings")
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="standings")
    track = models.CharField(max_length=kinds.NAME_MAX, validators=[known_kind])
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="+")
    shown = models.FloatField()
    private_value = models.FloatField(null=True, blank=True)
    passed = models.BooleanField(default=False)
    gold = models.BooleanField(default=False)
    provisional = models.BooleanField(default=False)
    # Kept with the standing, because a board of a million cannot ask a million people; a trigger follows the person.
    ranked = models.BooleanField(default=False, help_text="Verified, of an active person with an account")
    cost = models.JSONField(default=dict)
    reached_at = models.DateTimeField()

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_standing", fields=["user", "challenge", "track", "version"]),
            models.CheckConstraint(name="no_provisional_gold", condition=Q(provisional=False) | Q(gold=False)),
            models.CheckConstraint(name="no_provisional_rank", condition=Q(provisional=False) | Q(ranked=False)),
        ]
        indexes = [
            models.Index(
                name="board", fields=["version", "track", "-shown", "reached_at", "id"], condition=Q(ranked=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.challenge} {self.shown:.2f}"


class WorkerStatus(models.Model):
    """What a worker says of itself; all that web and `doctor` know about workers."""

    name = models.CharField(max_length=120, unique=True)
    lane = models.CharField(max_length=12, choices=LANES)
    device = models.CharField(max_length=80, blank=True)
    profile = models.CharField(max_length=80, blank=True)
    base_models = models.JSONField(default=dict, help_text="Base models it can run, by digest")
    judge = models.CharField(max_length=80, blank=True)
    problem = models.TextField(blank=True)
    lacks = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="Training methods that it cannot carry out over a base model, with the reason of each",
    )
    busy_with = models.BigIntegerField(null=True, blank=True)
    last_seen = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "worker statuses"

    def __str__(self) -> str:
        return f"{self.name} ({self.lane})"


class EngineChoice(models.Model):
    """How the engine computes one base model on one kind of machine, as a runner there has measured it."""

    key = models.CharField(max_length=64, unique=True, help_text="Digest of the five fields that follow")
    model = models.CharField(max_length=200, help_text="Digest of the base model's weights")
    cpu = models.CharField(max_length=200)
    threads = models.PositiveSmallIntegerField()
    device = models.CharField(max_length=80)
    versions = models.CharField(max_length=200)
    digest = models.CharField(max_length=12, db_index=True, help_text="What evaluations store as their engine choice")
    choice = models.JSONField()
    created = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.digest} on {self.cpu}"


class ReconcilerStatus(models.Model):
    """What a reconciler did in its last round; several may run, each has a row."""

    name = models.CharField(max_length=120, unique=True)
    last_run = models.DateTimeField(db_default=Now())
    done = models.JSONField(default=dict)
    broken = models.JSONField(default=dict, help_text="Invariants that do not hold, with counts")

    class Meta:
        verbose_name_plural = "reconciler statuses"

    def __str__(self) -> str:
        return self.name
