"""From a folder to a bundle, with every problem in it at once; and a bundle as one JSON text with its digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from challenges import kinds
from challenges.findings.spec import Finding, Records, dump_records
from challenges.payloads import Submitted, parse, sha256
from challenges.spec import (
    AnyRow,
    Attack,
    BaselineRef,
    Benign,
    Challenge,
    Course,
    GoldAnswer,
    Lesson,
    Metric,
    Sample,
    Spec,
    TrainingRow,
    dump,
)

FORMAT = 1
_TRAINING_ROWS: TypeAdapter[tuple[AnyRow, ...]] = TypeAdapter(tuple[TrainingRow, ...])


@dataclass(frozen=True)
class Baseline:
    """A real submission and the hidden score that it must get."""

    ref: BaselineRef
    payload: Submitted


@dataclass(frozen=True)
class ChallengeBundle:
    """All that one challenge folder holds. `digest` covers what decides a grade, so not statement and solution."""

    challenge: Challenge
    statement: str
    solution: str
    public: tuple[Sample, ...] = ()
    hidden: tuple[Sample, ...] = field(default=(), repr=False)
    train: tuple[AnyRow, ...] = field(default=(), repr=False)
    gold: tuple[GoldAnswer, ...] = field(default=(), repr=False)
    attacks: tuple[Attack, ...] = field(default=(), repr=False)
    benign: tuple[Benign, ...] = field(default=(), repr=False)
    baselines: tuple[Baseline, ...] = field(default=(), repr=False)
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", sha256_of(self._graded()))

    def with_seed(self, seed: int) -> ChallengeBundle:
        """This content with another training seed. It keeps its digest, which tells contents apart and not runs."""
        if seed == self.seed:
            return self
        challenge = self.challenge
        for name in challenge.tracks:
            challenge = kinds.find(name).with_seed(challenge, seed)
        return replace(self, challenge=challenge)

    def with_plain_metric(self) -> ChallengeBundle:
        """This content with the metric alone, as findings measure it: each arm in its own order, without a budget."""
        metric = Metric(name=self.challenge.metric.name)
        return replace(self, challenge=self.challenge.model_copy(update={"metric": metric}))

    @property
    def seed(self) -> int:
        """The seed of its training runs; 0 where no track trains."""
        return max(kinds.find(name).seed(self.challenge) for name in self.challenge.tracks)

    def _graded(self) -> dict[str, Any]:
        return {
            "challenge": dump(self.challenge),
            "public": _dump_all(self.public),
            "hidden": _dump_all(self.hidden),
            "train": _dump_all(self.train),
            "gold": _dump_all(self.gold),
            "attacks": _dump_all(self.attacks),
            "baselines": [{"ref": dump(b.ref), "payload": b.payload.model_dump(mode="json")} for b in self.baselines],
            # The file came later than the format: bundles without it keep their digest.
            **({"benign": _dump_all(self.benign)} if self.benign else {}),
        }

    def to_json(self) -> str:
        """The whole bundle as JSON, for private storage only: it holds hidden rows.

        Keys keep the author's order, because a JSON target is shown to a model as it was written.
        """
        texts = {"statement": self.statement, "solution": self.solution, "digest": self.digest, "format": FORMAT}
        return json.dumps({**self._graded(), **texts}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ChallengeBundle:
        """The inverse of `to_json`. Raises ValueError where the content does not have its digest."""
        data = json.loads(text)
        bundle = cls(
            challenge=Challenge.model_validate(data["challenge"]),
            statement=data["statement"],
            solution=data["solution"],
            public=tuple(Sample.model_validate(row) for row in data["public"]),
            hidden=tuple(Sample.model_validate(row) for row in data["hidden"]),
            train=training_rows(data["train"]),
            gold=tuple(GoldAnswer.model_validate(row) for row in data["gold"]),
            attacks=tuple(Attack.model_validate(row) for row in data["attacks"]),
            benign=tuple(Benign.model_validate(row) for row in data.get("benign", ())),
            baselines=tuple(_baseline(item) for item in data["baselines"]),
        )
        if bundle.digest != data["digest"]:
            raise ValueError("the bundle's content does not have the digest that it names")
        return bundle


def training_rows(data: Any) -> tuple[AnyRow, ...]:
    """Stored training rows, of either shape. Raises `pydantic.ValidationError`."""
    return _TRAINING_ROWS.validate_python(data)


def _baseline(item: dict[str, Any]) -> Baseline:
    return Baseline(BaselineRef.model_validate(item["ref"]), parse(item["payload"]))


def _dump_all(rows: tuple[Spec, ...]) -> list[dict[str, Any]]:
    return [dump(row) for row in rows]


@dataclass(frozen=True)
class LessonBundle:
    """A lesson with its challenges. `files` are the demo's and the illustrations', by path in the lesson.

    `records` holds what `gradus challenge prove` measured of the `findings`. `arms` are the submissions that the arms
    of findings name, by the challenge's id and the file's path in its folder.
    """

    id: str
    lesson: Lesson
    text: str
    challenges: tuple[ChallengeBundle, ...]
    measured: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    records: Records = field(default_factory=Records)
    arms: dict[tuple[str, str], Submitted] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """What the course's digest covers, JSON-ready."""
        return {
            "id": self.id,
            "lesson": dump(self.lesson),
            "text": self.text,
            "challenges": [[c.digest, c.statement, c.solution] for c in self.challenges],
            "measured": self.measured,
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()},
            # Findings came later than the format: a lesson without them keeps its digest.
            **({"findings": [dump(f) for f in self.findings]} if self.findings else {}),
            **({"records": dump_records(self.records)} if self.records.findings else {}),
            **({"arms": self._arms()} if self.arms else {}),
        }

    def _arms(self) -> dict[str, str]:
        return {f"{challenge}/{file}": sha256(payload) for (challenge, file), payload in self.arms.items()}


@dataclass(frozen=True)
class CourseBundle:
    """A course with its lessons in order. `digest` covers everything in it."""

    course: Course
    lessons: tuple[LessonBundle, ...]
    digest: str = ""

    @property
    def challenges(self) -> list[ChallengeBundle]:
        """All challenges, in the order of the path."""
        return [challenge for lesson in self.lessons for challenge in lesson.challenges]

    def __post_init__(self) -> None:
        if not self.digest:
            content = {"course": dump(self.course), "lessons": [lesson.content() for lesson in self.lessons]}
            object.__setattr__(self, "digest", sha256_of(content))


def canonical_json(value: Any) -> str:
    """Sorted keys, no spaces, UTF-8 kept: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_of(value: Any) -> str:
    """Hex digest of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
