"""From draft to published: what is known of a version on this server, and what it still lacks."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from challenges.versions import Number, number
from gradus.courses.models import Challenge, ChallengeVersion, Course

log = structlog.get_logger(__name__)


@transaction.atomic
def record(version_id: int, row: dict[str, Any]) -> ChallengeVersion:
    """Keeps one baseline's result on this server, in the place of an earlier one of the same file.

    `row` has `file`, `kind`, `approach`, `score` (floored to the step, or None), `ok`, `problem`, `provisional`,
    `cost`, `training` and `seconds`. With the last one that was missing the version becomes verified, and a draft is
    published.
    """
    version = ChallengeVersion.objects.select_for_update().get(pk=version_id)
    version.baselines = [*(one for one in version.baselines if one["file"] != row["file"]), row]
    version.save(update_fields=["baselines"])
    settle(version)
    return version


def settle(version: ChallengeVersion) -> None:
    """Within the caller's transaction, which holds the version: verifies it where nothing is lacking any more."""
    if version.is_verified or lacking(version):
        return
    version.verified_at = timezone.now()
    version.save(update_fields=["verified_at"])
    log.info("version_verified", version=str(version))
    if version.is_draft and _is_newest(version):
        publish(version)
    _stamp(version)


def publish(version: ChallengeVersion) -> None:
    """Learners see this version from now on."""
    if version.is_draft:
        version.published_at = timezone.now()
        version.save(update_fields=["published_at"])
    Challenge.objects.filter(pk=version.challenge_id).update(version=version)
    _stamp(version)


def _is_newest(version: ChallengeVersion) -> bool:
    """A draft that is verified late does not take the place of a newer version."""
    live = version.challenge.version
    return live is None or number(version.version) > number(live.version)


def _stamp(version: ChallengeVersion) -> None:
    """Other processes read what is published anew."""
    Course.objects.filter(lessons__challenges=version.challenge_id).update(updated_at=timezone.now())


def newest(course: Course | None = None) -> list[ChallengeVersion]:
    """The version with the highest number of each current challenge, draft or not, in the order of the path."""
    current = ChallengeVersion.objects.filter(challenge__is_current=True, challenge__lesson__is_current=True)
    if course is not None:
        current = current.filter(challenge__lesson__course=course)
    found: dict[int, ChallengeVersion] = {}
    for version in sorted(current.select_related("challenge__lesson", "challenge__version"), key=_rank):
        found[version.challenge_id] = version
    return sorted(found.values(), key=lambda one: (one.challenge.lesson.position, one.challenge.position))


def _rank(version: ChallengeVersion) -> tuple[Number, bool, int]:
    return number(version.version), version.pk == version.challenge.version_id, version.pk


def lacking(version: ChallengeVersion) -> list[str]:
    """What keeps a version from being verified here, one line each; empty where nothing does."""
    found = [] if version.linted_at else ["not checked: similarity (import it where the worker extra is installed)"]
    results = {row["file"]: row for row in version.baselines}
    for ref in version.parsed.baselines:
        row = results.get(ref.file)
        if row is None:
            found.append(f"{ref.file} has not run on this server yet")
        elif row["provisional"]:
            found.append(f"{ref.file} got a provisional grade: no judge has passed the gate of this question here")
        elif not row["ok"]:
            shown = "" if row["score"] is None else f" scored {row['score']:.2f} (rounded down),"
            found.append(f"{ref.file}{shown} {row['problem']}")
    return found


def to_run(version: ChallengeVersion) -> list[str]:
    """The files of the baselines whose result is missing here or was not good."""
    good = {row["file"] for row in version.baselines if row["ok"] and not row["provisional"]}
    return [ref.file for ref in version.parsed.baselines if ref.file not in good]
