"""What a grading leaves behind: events that pages follow, scores, standings, and attempts that were given back."""

from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from challenges.registry import KIND_NAME_MAX
from gradus.accounts.models import READING_HIDDEN_ROWS, Enrolment, User
from gradus.courses.models import Calibration, Challenge, ChallengeVersion
from gradus.stored_json import JSONField
from gradus.submissions.models.board_decisions import Season, not_hidden
from gradus.submissions.models.evaluations import Evaluation, Submission, known_kind


class Event(models.Model):
    """What the submission page follows. Written under the fence only."""

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=20)
    data = JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["evaluation", "seq"]
        constraints = [models.UniqueConstraint(name="events_are_numbered", fields=["evaluation", "seq"])]

    def __str__(self) -> str:
        return f"{self.type} {self.seq}"


class ScoreQuerySet(models.QuerySet["Score"]):
    def current(self) -> Self:
        """Returns the scores that count: not those of annulled attempts."""
        return self.filter(evaluation__is_current=True, evaluation__submission__annulled=False)

    def in_season_of(self, challenge: Challenge, season: int | None = None) -> Self:
        """Returns the scores of attempts that were submitted in this season, or in the one that runs."""
        number = Season.objects.number_of(challenge.pk) if season is None else season
        return self.filter(evaluation__submission__season=number)

    def released(self) -> Self:
        """Those that are not withheld from their learner."""
        return self.filter(evaluation__submission__grade_withheld=False)

    def on(self, challenge: Any, track: str) -> Self:
        """Scores of one board."""
        return self.filter(evaluation__submission__challenge=challenge, evaluation__submission__kind=track)

    def of_version(self, version: ChallengeVersion) -> Self:
        return self.of_versions([version])

    def of_versions(self, versions: Iterable[ChallengeVersion]) -> Self:
        """Scores that these contents gave: to their own submissions, and in a regrade to older ones."""
        keys = [version.pk for version in versions]
        own = Q(evaluation__graded_version=None, evaluation__submission__version__in=keys)
        return self.filter(own | Q(evaluation__graded_version__in=keys))

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
    def is_passed(self) -> bool:
        """Whether it is called passed. A provisional grade above the pass mark only opens what comes next."""
        return self.passed and not self.provisional

    @property
    def in_bulk(self) -> bool:
        """True if a person accepted the machine's marks together with those of other answers, without reading each."""
        return bool((self.evaluation.result or {}).get("in_bulk"))

    @property
    def graded_by(self) -> str:
        """`verified_by` as pages name it, or `bulk` for a person who accepted the machine's marks in bulk.

        Version 0.2.0 stored `ai` for scores that code computed without a judge.
        """
        if self.verified_by == self.VerifiedBy.PERSON and self.in_bulk:
            return "bulk"
        return (
            self.VerifiedBy.CODE
            if self.verified_by == self.VerifiedBy.AI and not self.judge
            else self.verified_by or ""
        )


def of_ranked_people(user: str, course: Any) -> Q:
    """Returns the condition for rows whose person can have a rank on boards of a course.

    Guests and closed accounts cannot, nor can anybody who may read the hidden rows of the course: its editors and
    owners, and staff of the site. Deleted accounts keep their ranks without a name.

    Args:
        user: The path from a row to its person.
        course: The course, its primary key, or an `OuterRef` to it.
    """
    # Few people have no rank, so a database looks for them and not for all others. PostgreSQL joins both lists only
    # where each stands alone, not under one OR.
    is_closed = Q(is_active=False, deleted_at=None)
    people = User.objects.filter(Q(is_guest=True) | is_closed | Q(is_staff=True), pk=OuterRef(user))
    writers = Enrolment.objects.filter(user=OuterRef(user), course=course, content__in=READING_HIDDEN_ROWS)
    return ~Exists(people) & ~Exists(writers)


def has_rank(course: Any) -> Q:
    """Returns the condition for standings that boards of a course show; `course` is as for `of_ranked_people`."""
    return Q(provisional=False) & of_ranked_people("user", course) & not_hidden("user", OuterRef("challenge"))


class StandingQuerySet(models.QuerySet["Standing"]):
    def of(self, user: Any) -> Self:
        return self.filter(user=user)

    def ranked(self, course: Any) -> Self:
        """What the leaderboards of a course show: verified scores of people with a rank, best first, earliest first."""
        return self.filter(has_rank(course)).order_by("-shown", "reached_at", "id")

    def in_season(self, season: int | None = None) -> Self:
        """Returns the standings of this season, or of the seasons that run."""
        return self.filter(season=Season.objects.number_of(OuterRef("challenge")) if season is None else season)

    def with_rank(self) -> Self:
        """Annotates `has_rank`, and `is_hidden` where a person has hidden its entry."""
        found = models.ExpressionWrapper(has_rank(OuterRef("challenge__course")), models.BooleanField())
        hidden = models.ExpressionWrapper(~not_hidden("user", OuterRef("challenge")), models.BooleanField())
        return self.annotate(has_rank=found, is_hidden=hidden)


class Standing(models.Model):
    """The best shown score of a learner on a track of one version of a challenge, in one season.

    It can be rebuilt from scores. A leaderboard holds one version and one season. What was passed under an older one
    stays passed on the path.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="standings")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="standings")
    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="standings")
    track = models.CharField(max_length=KIND_NAME_MAX, validators=[known_kind])
    season = models.PositiveSmallIntegerField(default=0, db_default=0)
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="+")
    shown = models.FloatField()
    private_value = models.FloatField(null=True, blank=True)
    passed = models.BooleanField(default=False)
    gold = models.BooleanField(default=False)
    provisional = models.BooleanField(default=False)
    cost = JSONField(default=dict)
    approach = models.CharField(
        max_length=KIND_NAME_MAX,
        blank=True,
        default="",
        db_default="",
        help_text="`Kind.approach` of the attempt; empty where nothing can tell it any more",
    )
    reached_at = models.DateTimeField()
    has_rank: bool
    is_hidden: bool

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_standing", fields=["user", "challenge", "track", "version", "season"]),
            models.CheckConstraint(name="no_provisional_gold", condition=Q(provisional=False) | Q(gold=False)),
        ]
        indexes = [
            # With the user, so that a board is counted and a page of it found without a look into the table.
            models.Index(
                name="board",
                fields=["version", "track", "season", "-shown", "reached_at", "id", "user"],
                condition=Q(provisional=False),
            ),
            models.Index(
                name="board_by_approach",
                fields=["version", "track", "season", "approach", "-shown", "reached_at", "id", "user"],
                condition=Q(provisional=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.challenge} {self.shown:.2f}"

    @property
    def is_passed(self) -> bool:
        """Whether it is called passed. A provisional grade above the pass mark only opens what comes next."""
        return self.passed and not self.provisional


class Refund(models.Model):
    """Why an attempt was given back."""

    submission = models.OneToOneField(Submission, models.CASCADE, related_name="refund")
    reason = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.reason
