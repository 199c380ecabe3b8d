"""The submissions of findings' arms on a challenge, which have to keep away from its hidden rows as baselines do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from challenges import payloads
from challenges.bundle import sha256_of
from challenges.course_bundle import CourseBundle
from challenges.payloads import Submitted
from challenges.reading import BundleErrors
from gradus.courses import archives
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import ChallengeVersion, CourseVersion

Arms = Mapping[str, Submitted]
"""Submissions by their file in the challenge's folder."""


def of(version: ChallengeVersion) -> Arms:
    """The arms on a version in the draft of its course, if that has the version, or else in what is live.

    Of a content whose archive was not kept, they are those that learners may run.
    """
    challenge = version.challenge
    versions = CourseVersion.objects.filter(course=challenge.course_id)
    for holding in (versions.drafts().first(), versions.published().first()):
        if holding is not None and holding.digests.get(challenge.name) == version.digest:
            try:
                return in_bundle(archives.bundle_of(holding), challenge.name)
            except (BundleMissing, BundleErrors):
                break
    return _stored(version)


def in_bundle(bundle: CourseBundle, challenge: str) -> Arms:
    """The arms on a challenge in the content of a course."""
    arms = [item for lesson in bundle.lessons for item in lesson.arms.items()]
    return {file: payload for (owner, file), payload in arms if owner == challenge}


def _stored(version: ChallengeVersion) -> Arms:
    """Of a training run the site keeps only its kind, which is left out."""
    stored = [(place.partition("/"), data) for place, data in version.challenge.lesson.arms.items()]
    mine = {file: _parsed(data) for (owner, _, file), data in stored if owner == version.challenge.name}
    return {file: payload for file, payload in mine.items() if payload is not None}


def _parsed(data: object) -> Submitted | None:
    try:
        return payloads.parse(data)
    except ValidationError:
        return None


def digest_of(arms: Arms) -> str:
    """A digest of the arms; empty where there is none."""
    return sha256_of({file: payloads.sha256(payload) for file, payload in arms.items()}) if arms else ""
