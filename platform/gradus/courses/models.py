from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from challenges import findings as finding_specs
from challenges import spec as specs

# A process keeps at most so many parsed contents of each sort: those in use, and those of old submissions.
KEPT = 256
Made = TypeVar("Made")
# Challenge and digest, by which the database knows a content too.
Content = tuple[int, str]
_specs: dict[Content, specs.Challenge] = {}
_samples: dict[Content, tuple[specs.Sample, ...]] = {}


def once(kept: dict[Content, Made], content: Content, make: Callable[[], Made]) -> Made:
    """What `make` gives for this content, made once in a process."""
    found = kept.get(content)
    if found is None:
        if len(kept) >= KEPT:
            kept.clear()
        found = kept[content] = make()
    return found


def forget() -> None:
    """What is parsed, which outlives a database in tests."""
    _specs.clear()
    _samples.clear()


class CourseQuerySet(models.QuerySet["Course"]):
    def shown(self) -> Self:
        return self.filter(is_published=True)


class Course(models.Model):
    """A published course; its content is the bundle that was imported last."""

    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    summary = models.TextField()
    timezone = models.CharField(max_length=64, default="UTC")
    version = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    is_published = models.BooleanField(default=True)
    frozen_at = models.DateTimeField(null=True, blank=True, help_text="Boards show private ranks from then on")
    updated_at = models.DateTimeField(default=now)

    objects = CourseQuerySet.as_manager()
    current_lessons: list["Lesson"]

    def __str__(self) -> str:
        return self.title


class Lesson(models.Model):
    """One lesson: text, questions, advisor, demo. `spec` is `lesson.yaml`, `measured` the figures measured.

    `findings` are those of `findings.yaml`, `arms` the submissions that they name by challenge and file, and `records`
    what `gradus challenge prove` measured, by the finding's id.
    """

    course = models.ForeignKey(Course, models.CASCADE, related_name="lessons")
    slug = models.SlugField(max_length=64, unique=True)
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    summary = models.TextField()
    minutes = models.PositiveSmallIntegerField()
    text = models.TextField()
    spec = models.JSONField()
    measured = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    arms = models.JSONField(default=dict, help_text="Prompts in full; of a training run only its kind")
    records = models.JSONField(default=dict)
    contents = models.JSONField(default=dict, help_text="Digests of the challenges that came with this text, by id")
    digest = models.CharField(max_length=64)
    is_current = models.BooleanField(default=True)

    current_challenges: list["Challenge"]

    class Meta:
        ordering = ["course", "position"]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def parsed(self) -> specs.Lesson:
        return specs.Lesson.model_validate(self.spec)

    @cached_property
    def parsed_findings(self) -> tuple[finding_specs.Finding, ...]:
        return tuple(map(finding_specs.Finding.model_validate, self.findings))

    @cached_property
    def parsed_records(self) -> dict[str, finding_specs.FindingRecord]:
        return {name: finding_specs.FindingRecord.model_validate(one) for name, one in self.records.items()}


class ChallengeQuerySet(models.QuerySet["Challenge"]):
    def shown(self) -> Self:
        return self.filter(is_current=True, version__isnull=False, lesson__course__is_published=True).select_related(
            "version", "lesson__course"
        )


class Challenge(models.Model):
    """What learners know by one name; `version` is the one that takes submissions."""

    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="challenges")
    slug = models.SlugField(max_length=64, unique=True)
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey("ChallengeVersion", models.PROTECT, null=True, related_name="+")
    is_current = models.BooleanField(default=True)

    objects = ChallengeQuerySet.as_manager()

    class Meta:
        ordering = ["lesson", "position"]

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
    """An immutable version by content digest. Hidden rows and gold answers lie in private storage, never here.

    It is a draft, which no learner sees, until it is published: when it is verified, or at once if staff say so.
    """

    # Most of a row's bytes: whoever needs a version's name or its parsed forms leaves them out.
    CONTENT = ("spec", "statement", "solution", "public", "train", "baselines", "author_baselines")

    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="versions")
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    spec = models.JSONField()
    statement = models.TextField()
    solution = models.TextField(blank=True)
    public = models.JSONField(default=list)
    train = models.JSONField(default=list)
    baselines = models.JSONField(default=list, help_text="Results of the baselines that ran here for this digest")
    author_baselines = models.JSONField(default=list, help_text="Results that the bundle brought along")
    hidden_count = models.PositiveIntegerField(default=0)
    imported_at = models.DateTimeField(default=now)
    linted_at = models.DateTimeField(null=True, blank=True, help_text="When all checks passed, similarity included")
    verified_at = models.DateTimeField(null=True, blank=True, help_text="When all baselines had reached their bounds")
    published_at = models.DateTimeField(null=True, blank=True, help_text="Empty for a draft, which no learner sees")

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
        """The names of the content's fields, as seen along `path`, for `defer`."""
        return tuple(f"{path}__{name}" for name in cls.CONTENT)

    @property
    def parsed(self) -> specs.Challenge:
        return once(_specs, (self.challenge_id, self.digest), lambda: specs.Challenge.model_validate(self.spec))

    @property
    def is_verified(self) -> bool:
        """Whether this server has checked this content: every check of lint, and every baseline within its bounds."""
        return self.verified_at is not None

    @property
    def is_draft(self) -> bool:
        return self.published_at is None

    @property
    def results(self) -> list[dict[str, Any]]:
        """The baselines' results to show: this server's once it is verified, the author's until then."""
        shown: list[dict[str, Any]] = self.baselines if self.is_verified else self.author_baselines
        return shown

    @property
    def samples(self) -> tuple[specs.Sample, ...]:
        """The public samples."""
        content = (self.challenge_id, self.digest)
        return once(_samples, content, lambda: tuple(map(specs.Sample.model_validate, self.public)))


class Calibration(models.Model):
    """How well a judge, or the built-in verifier (no model), agrees with people on one content. Read-only for staff."""

    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="calibrations")
    model = models.CharField(max_length=120, blank=True, help_text="What the endpoint says has answered")
    template = models.CharField(max_length=64, help_text="The prompt template's name and digest")
    passed = models.BooleanField(default=False, help_text="Only then its grades of this content may be final")
    report = models.JSONField(default=dict)
    imported_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["version", "-imported_at"]
        constraints = [
            models.UniqueConstraint(name="one_calibration_of_a_judge", fields=["version", "model", "template"]),
            models.CheckConstraint(name="the_verifier_passes_nothing", condition=~Q(model="") | Q(passed=False)),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'built-in verifier'} on {self.version}"
