"""The fields of the rows that hold a bundle: what an import writes, and what a preview shows without writing it."""

import hashlib
import json
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.findings.spec import arm_files
from challenges.kinds import registry as kinds
from challenges.spec import dump


def course_fields(bundle: CourseBundle) -> dict[str, Any]:
    """Returns the fields of a `Course`, without its address and times."""
    spec = bundle.course
    return {
        "title": spec.title,
        "summary": spec.summary,
        "timezone": spec.timezone,
        "all_attempts_wait": spec.all_attempts_wait,
        "version": spec.version,
        "digest": bundle.digest,
    }


def digests_in(bundle: CourseBundle) -> list[list[str]]:
    """Returns the id and the digest of each challenge of a course, in the order of the path."""
    return [[challenge.challenge.id, challenge.digest] for challenge in bundle.challenges]


def lesson_fields(position: int, bundle: LessonBundle) -> dict[str, Any]:
    """Returns the fields of a `Lesson`, without its course, name and address."""
    return {
        "position": position,
        "title": bundle.lesson.title,
        "summary": bundle.lesson.summary,
        "minutes": bundle.lesson.minutes,
        "text": bundle.text,
        "spec": dump(bundle.lesson),
        "measured": bundle.measured,
        **_shown_findings(bundle),
        "contents": {challenge.challenge.id: challenge.digest for challenge in bundle.challenges},
        "digest": digest_of(bundle),
    }


def version_fields(bundle: ChallengeBundle, measured: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a `ChallengeVersion`, without its digest. `measured` is that of the challenge's lesson."""
    results = measured.get("baselines", {}).get(bundle.challenge.id, {})
    return {
        "version": bundle.challenge.version,
        "spec": dump(bundle.challenge),
        "statement": bundle.statement,
        "solution": bundle.solution,
        "public": [dump(sample) for sample in bundle.public],
        "train": [dump(row) for row in bundle.train],
        "hidden_count": len(bundle.hidden),
        "scored_count": sum(sample.split == "public" for sample in bundle.hidden) or len(bundle.hidden),
        "author_baselines": results["results"] if results.get("digest") == bundle.digest else [],
    }


def _shown_findings(bundle: LessonBundle) -> dict[str, Any]:
    """The fields of a lesson that hold its findings. Those that only measure a hint are the author's, so they and what
    they alone use stay in the author's folder.
    """
    findings = [finding for finding in bundle.findings if finding.shown]
    used = arm_files(findings)
    records = {finding.id: bundle.records.findings.get(finding.id) for finding in findings}
    return {
        "findings": [dump(finding) for finding in findings],
        "arms": {
            "/".join(place): kinds.find(payload.kind).stored_arm(payload)
            for place, payload in bundle.arms.items()
            if place in used
        },
        "records": {name: dump(record) for name, record in records.items() if record is not None},
    }


def digest_of(lesson: LessonBundle) -> str:
    """Returns the SHA-256 digest of a lesson's text, its spec and its files."""
    parts = [lesson.text, json.dumps(dump(lesson.lesson), sort_keys=True)]
    parts += [f"{name}:{hashlib.sha256(data).hexdigest()}" for name, data in sorted(lesson.files.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
