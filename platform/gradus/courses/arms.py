"""The submissions of findings' arms on a challenge, which have to keep away from its hidden rows as baselines do."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from challenges import payloads
from challenges.bundle import sha256_of
from challenges.payloads import Submitted
from gradus.courses.models import ChallengeVersion


def of(version: ChallengeVersion) -> dict[str, Submitted]:
    """The arms on a version, by file. Of a training run the site may keep only its kind, which is left out."""
    challenge = version.challenge
    stored = challenge.lesson.arms.items()
    mine = {place.partition("/")[2]: data for place, data in stored if place.partition("/")[0] == challenge.name}
    return {file: payload for file, data in mine.items() if (payload := _parsed(data)) is not None}


def _parsed(data: object) -> Submitted | None:
    try:
        return payloads.parse(data)
    except ValidationError:
        return None


def digest_of(arms: Mapping[str, Submitted]) -> str:
    """A digest of the arms; empty where there is none."""
    return sha256_of({file: payloads.sha256(payload) for file, payload in arms.items()}) if arms else ""
