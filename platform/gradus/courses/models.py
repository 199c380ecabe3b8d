"""Courses and challenges with their versions, lessons, and calibrations, as imported from bundles."""

import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from challenges import spec as specs
from challenges.authoring.archive import ARCHIVE_MAX
from challenges.findings import spec as finding_specs
from challenges.kinds.rubric import GATE_RULES
from challenges.lesson import spec as lesson_specs
from challenges.rows import Sample
from gradus.stored_json import JSONField

# How many parsed contents of each type a process caches. Old submissions refer to old contents.
CACHED_MAX = 256
Parsed = TypeVar("Parsed")
# An address is an id that an author writes, or such an id after that of its course; see `services`.
ID_CHARS = 64
ADDRESS_CHARS = 2 * ID_CHARS + 1
# The id of a challenge and the digest of a content, which together are unique in the database.
Content = tuple[int, str]
_specs: dict[Content, specs.Challenge] = {}
_samples: dict[Content, tuple[Sample, ...]] = {}


def parse_once(cache: dict[Content, Parsed], content: Content, parse: Callable[[], Parsed]) -> Parsed:
    """Returns what `parse` returns for this content, and calls it only once in a process."""
    parsed = cache.get(content)
    if parsed is None:
        if len(cache) >= CACHED_MAX:
            cache.clear()
        parsed = cache[content] = parse()
    return parsed


def forget() -> None:
    """Empties the cache of parsed contents. Tests call it, because the cache outlives a test's database."""
    _specs.clear()
    _samples.clear()


class CourseQuerySet(models.QuerySet["Course"]):
    def shown(self) -> Self:
        return self.filter(is_published=True)


class Course(models.Model):
    """A course. Its content is the bundle that was published last. `version` and `digest` are empty before that.

    `listing` says who may open it and who finds it in lists; `gradus.classes.visibility` decides by it.
    """

    class Listing(models.TextChoices):
        LISTED = "listed", _("Listed")
        UNLISTED = "unlisted", _("Unlisted")
        CLASSES = "classes", _("For classes only")

    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    summary = models.TextField()
    timezone = models.CharField(max_length=64, default="UTC")
    all_attempts_wait = models.BooleanField(
        default=False, db_default=False, help_text="Whether earlier attempts of a learner wait for a person, too"
    )
    version = models.CharField(max_length=20, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    is_published = models.BooleanField(default=True)
    listing = models.CharField(
        max_length=8,
        choices=Listing,
        default=Listing.LISTED,
        db_default=Listing.LISTED,
        help_text="Who may open the course once it is published, and who finds it in lists",
    )
    # A trigger lets no reveal come before its freeze; see `triggers`.
    frozen_at = models.DateTimeField(null=True, blank=True, help_text="Leaderboards close: later attempts have no rank")
    reveal_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Closed leaderboards show private ranks from then on; without it, as soon as they close",
    )
    updated_at = models.DateTimeField(default=now)

    objects = CourseQuerySet.as_manager()
    current_lessons: list["Lesson"]

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="listing_of_a_course_is_known", condition=Q(listing__in=["listed", "unlisted", "classes"])
            )
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.reveal_at and (self.frozen_at is None or self.reveal_at < self.frozen_at):
            raise ValidationError({"reveal_at": _("Ranks are revealed after the leaderboards have closed.")})


class CourseVersionQuerySet(models.QuerySet["CourseVersion"]):
    def drafts(self) -> Self:
        return self.filter(state=CourseVersion.State.DRAFT)

    def published(self) -> Self:
        """Returns the contents that were published, the live one first."""
        return self.filter(state=CourseVersion.State.PUBLISHED).order_by("-published_at", "-pk")


class CourseVersion(models.Model):
    """One content of a course that an author pushed, or that was imported: a draft until it is published.

    The content that was published last is live. A row that is no draft never changes, and a published one stays as long
    as its course, see `triggers`. `archive` is empty for contents that were published before archives were kept.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        REPLACED = "replaced", _("Replaced by a later draft or by an import")
        DISCARDED = "discarded", _("Discarded")

    course = models.ForeignKey(Course, models.CASCADE, related_name="versions")
    version = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    archive = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the zip in private storage")
    archive_bytes = models.PositiveBigIntegerField(default=0)
    contents = JSONField(default=list, help_text="Id and digest of each challenge, in the order of the path")
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    pushed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    pushed_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the draft was replaced or discarded")
    difference = JSONField(default=dict, help_text="To what was live when it was pushed, without hidden rows")
    not_checked = JSONField(default=list, help_text="What lint could not check where it was pushed")
    note = models.CharField(max_length=300, blank=True)

    objects = CourseVersionQuerySet.as_manager()

    class Meta:
        ordering = ["course", "-pk"]
        constraints = [
            models.UniqueConstraint(name="one_draft_of_a_course", fields=["course"], condition=Q(state="draft")),
            models.CheckConstraint(
                name="state_and_times_of_a_course_version_agree",
                condition=Q(state="draft", published_at=None, ended_at=None)
                | Q(state="published", published_at__isnull=False, ended_at=None)
                | Q(state__in=["replaced", "discarded"], published_at=None, ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.course.slug} {self.version}"

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT

    @property
    def digests(self) -> dict[str, str]:
        """The digests of its challenges by id, in the order of the path, which a JSON object would not keep."""
        return dict(self.contents)


class Lesson(models.Model):
    """A lesson: its text, questions, advisor and demo. `spec` is `lesson.yaml`, and `measured` is `measured.json`.

    The files of a course call the lesson by its `name`; pages, the API and receipts call it by its `slug`. It stays in
    its course for good, see `triggers`.

    `findings` are the entries of `findings.yaml`, `arms` the submissions that they name, by challenge and file, and
    `records` the measurements of `gradus challenge prove`, by the finding's id.
    """

    course = models.ForeignKey(Course, models.CASCADE, related_name="lessons")
    name = models.CharField(max_length=ID_CHARS, help_text="The id that the author gave it, unique in its course")
    slug = models.SlugField(max_length=ADDRESS_CHARS, unique=True, help_text="Its address, unique on the site")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    summary = models.TextField()
    minutes = models.PositiveSmallIntegerField()
    text = models.TextField()
    spec = JSONField()
    measured = JSONField(default=dict)
    findings = JSONField(default=list)
    arms = JSONField(default=dict, help_text="Prompts in full; of a training run only its kind")
    records = JSONField(default=dict)
    contents = JSONField(default=dict, help_text="Digests of the challenges that came with this text, by id")
    digest = models.CharField(max_length=64)
    is_current = models.BooleanField(default=True)

    current_challenges: list["Challenge"]

    class Meta:
        ordering = ["course", "position"]
        constraints = [models.UniqueConstraint(name="one_lesson_by_name", fields=["course", "name"])]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def parsed(self) -> lesson_specs.Lesson:
        return lesson_specs.Lesson.model_validate(self.spec)

    @cached_property
    def parsed_findings(self) -> tuple[finding_specs.Finding, ...]:
        return tuple(map(finding_specs.Finding.model_validate, self.findings))

    @cached_property
    def parsed_records(self) -> dict[str, finding_specs.FindingRecord]:
        return {name: finding_specs.FindingRecord.model_validate(one) for name, one in self.records.items()}


class ChallengeQuerySet(models.QuerySet["Challenge"]):
    def shown(self) -> Self:
        return self.filter(is_current=True, version__isnull=False, lesson__course__is_published=True).select_related(
            "version", "board_version", "lesson__course"
        )


class Challenge(models.Model):
    """A challenge, whose content can change from version to version. `version` is the one that accepts submissions.

    `board_version` is an earlier one, whose scores stay on the leaderboard until they have been graded again.

    The files of a course call the challenge by its `name`; pages, the API and receipts call it by its `slug`. It can
    move to another lesson of its course, and never to another course, see `triggers`.
    """

    course = models.ForeignKey(Course, models.CASCADE, related_name="challenges")
    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="challenges")
    name = models.CharField(max_length=ID_CHARS, help_text="The id that the author gave it, unique in its course")
    slug = models.SlugField(max_length=ADDRESS_CHARS, unique=True, help_text="Its address, unique on the site")
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey("ChallengeVersion", models.PROTECT, null=True, related_name="+")
    board_version = models.ForeignKey("ChallengeVersion", models.PROTECT, null=True, blank=True, related_name="+")
    is_current = models.BooleanField(default=True)

    objects = ChallengeQuerySet.as_manager()

    class Meta:
        ordering = ["lesson", "position"]
        constraints = [models.UniqueConstraint(name="one_challenge_by_name", fields=["course", "name"])]

    def __str__(self) -> str:
        return self.slug

    @property
    def spec(self) -> specs.Challenge:
        assert self.version is not None
        return self.version.parsed

    @property
    def title(self) -> str:
        return self.spec.title

    @property
    def kind(self) -> str:
        return self.spec.kind


class ChallengeVersion(models.Model):
    """An immutable version of a challenge, identified by the digest of its content.

    Hidden samples and gold answers are in private storage, never here. A version is a draft, which no learner sees,
    until it is published: when this server has verified it, or at once if staff decide so. In the draft of a course
    it waits, verified or not, until the course is published.
    """

    # The large fields of a row. Queries that need only the name of a version, or its parsed content, defer them.
    CONTENT = ("spec", "statement", "solution", "public", "train", "baselines", "author_baselines", "lint", "findings")

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="versions")
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    spec = JSONField()
    statement = models.TextField()
    solution = models.TextField(blank=True)
    public = JSONField(default=list)
    train = JSONField(default=list)
    baselines = JSONField(default=list, help_text="Results of the baselines that ran here for this digest")
    author_baselines = JSONField(default=list, help_text="Results that the bundle brought along")
    lint = JSONField(default=dict, blank=True, help_text="What lint on a worker of this server has found last")
    findings = JSONField(
        default=list, blank=True, help_text="Repetitions of findings' arms that ran here, beside the author's record"
    )
    hidden_count = models.PositiveIntegerField(default=0)
    scored_count = models.PositiveIntegerField(
        null=True, blank=True, help_text="Hidden samples that a shown score is computed from; not shown to a learner"
    )
    imported_at = models.DateTimeField(default=now)
    linted_at = models.DateTimeField(null=True, blank=True, help_text="When all checks passed, similarity included")
    verified_at = models.DateTimeField(null=True, blank=True, help_text="When all baselines had reached their bounds")
    published_at = models.DateTimeField(null=True, blank=True, help_text="Empty for a draft, which no learner sees")
    goes_live = models.BooleanField(
        default=True, db_default=True, help_text="Whether it is published once it is verified; not in a course's draft"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_version_by_digest", fields=["challenge", "digest"]),
            models.UniqueConstraint(name="one_digest_by_version", fields=["challenge", "version"]),
            models.CheckConstraint(
                name="verified_after_lint", condition=Q(verified_at__isnull=True) | Q(linted_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.challenge} {self.version}"

    @classmethod
    def content(cls, path: str) -> tuple[str, ...]:
        """Returns the names of the large fields for `defer`, in a query that reaches versions by `path`."""
        return tuple(f"{path}__{name}" for name in cls.CONTENT)

    @property
    def parsed(self) -> specs.Challenge:
        return parse_once(_specs, (self.challenge_id, self.digest), lambda: specs.Challenge.model_validate(self.spec))

    @property
    def is_verified(self) -> bool:
        """True if this server has run all checks of lint on this content, and all its baselines met their bounds."""
        return self.verified_at is not None

    @property
    def is_draft(self) -> bool:
        return self.published_at is None

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of baselines to show: those of this server if it has verified the version, else the author's."""
        shown: list[dict[str, Any]] = self.baselines if self.is_verified else self.author_baselines
        return shown

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The public samples."""
        content = (self.challenge_id, self.digest)
        return parse_once(_samples, content, lambda: tuple(map(Sample.model_validate, self.public)))


class BaselineOutcome(models.Model):
    """What a baseline gave on this server, kept for later contents in which only bounds, marks or texts differ.

    `key` is the digest of all that decides the score. `score` is exact and computed on hidden rows: no page shows it.
    """

    key = models.CharField(max_length=64, unique=True)
    score = models.FloatField()
    cost = JSONField(default=dict)
    training = JSONField(default=dict)
    seconds = models.PositiveIntegerField(default=0)
    recorded_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.key


class Upload(models.Model):
    """An archive of a course that a person is sending. `parts` names the files that hold its first `offset` bytes.

    `slot` bounds how many of a person's are open. No other push of it starts before `pushing_until`.
    """

    OPEN_MAX = 3
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    course_slug = models.SlugField(max_length=ID_CHARS, help_text="The course may not exist yet")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads")
    slot = models.PositiveSmallIntegerField()
    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveIntegerField()
    offset = models.PositiveIntegerField(default=0)
    parts = JSONField(default=list)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(db_index=True, help_text="Each part moves it on")
    pushing_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_upload_of_a_content", fields=["user", "course_slug", "sha256"]),
            models.UniqueConstraint(name="one_upload_in_a_slot", fields=["user", "slot"]),
            models.CheckConstraint(name="few_uploads_of_a_person", condition=Q(slot__range=(1, 3))),
            models.CheckConstraint(name="upload_size", condition=Q(bytes__range=(1, ARCHIVE_MAX))),
            models.CheckConstraint(name="upload_offset", condition=Q(offset__lte=models.F("bytes"))),
        ]

    def __str__(self) -> str:
        return f"{self.course_slug} {self.sha256[:12]}"


class Calibration(models.Model):
    """How well a judge agrees with people on one content. Without a model, the built-in verifier is the judge.

    `rules` is the number of the gate's rules by which it was measured (`challenges.kinds.rubric.GATE_RULES`). A report
    by earlier rules stays to be read, but opens no gate.
    """

    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="calibrations")
    model = models.CharField(max_length=120, blank=True, help_text="What the endpoint says has answered")
    template = models.CharField(max_length=64, help_text="The prompt template's name and digest")
    passed = models.BooleanField(default=False, help_text="Only then its grades of this content may be final")
    rules = models.PositiveSmallIntegerField(default=GATE_RULES, db_default=1)
    report = JSONField(default=dict)
    imported_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["version", "-imported_at"]
        constraints = [
            models.UniqueConstraint(name="one_calibration_of_a_judge", fields=["version", "model", "template"]),
            models.CheckConstraint(name="the_verifier_passes_nothing", condition=~Q(model="") | Q(passed=False)),
            models.CheckConstraint(
                name="earlier_rules_pass_nothing", condition=Q(passed=False) | Q(rules__gte=GATE_RULES)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'built-in verifier'} on {self.version}"

    @property
    def needs_another(self) -> bool:
        """True if a judge's report was made by earlier rules, so that the judge has to be measured again."""
        return bool(self.model) and self.rules < GATE_RULES
