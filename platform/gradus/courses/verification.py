"""Verifies versions on this server: stores what checks give, says what is missing, and publishes drafts.

The checks are lint, the baselines, and on request the findings. `gradus.submissions.services.verification` queues them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from challenges import distribution
from challenges.compare import HIDDEN, VersionNumber, version_number
from challenges.kinds import registry as kinds
from challenges.kinds.rubric import marks_missing
from challenges.problems import Problem
from challenges.texts import several
from gradus.courses import board_versions, bundles, locks
from gradus.courses.models import Challenge, ChallengeVersion, Content, Course, parse_once

log = structlog.get_logger(__name__)
_missing: dict[Content, int] = {}

UNLINTED = (
    "not checked: similarity, or lengths of hidden rows. A worker of this site checks them while no learner waits."
)
LINT_ENDED = "lint ended without a result ({code}). Push or import the course again, which queues it again."


@transaction.atomic
def record_lint(version_id: int, problems: Sequence[Problem], arms: str) -> ChallengeVersion:
    """Stores what lint on a worker has found. If it has found nothing, and no other check is missing, the version
    becomes verified, and what is to go live then is published.

    `arms` is the digest of the findings' arms that were checked beside the version; see `arms.digest_of`.
    """
    version = locks.hold_version(version_id)
    note_lint(version, problems, arms)
    settle(version)
    return version


def note_lint(version: ChallengeVersion, problems: Sequence[Problem], arms: str) -> None:
    """Stores a result of lint. A version that is verified stays so, whatever is found beside other arms.

    The caller's transaction must have locked the course and the version; see `locks`.
    """
    found = [{"file": one.file, "line": one.line, "what": one.what, "fix": one.fix} for one in problems]
    version.lint = {"problems": found, "arms": arms, "error": ""}
    if not problems:
        version.linted_at = version.linted_at or timezone.now()
    elif not version.is_verified:
        version.linted_at = None
    version.save(update_fields=["lint", "linted_at"])


@transaction.atomic
def record_lint_error(version_id: int, code: str) -> None:
    """Stores that lint could not be carried out. What an earlier lint has found stays."""
    version = locks.hold_version(version_id)
    version.lint = {**version.lint, "error": code}
    version.save(update_fields=["lint"])


def inherit(version: ChallengeVersion, twin: ChallengeVersion) -> None:
    """Gives a version that is not stored yet what was checked of another one that differs only in its number.

    What another release has graded is left out: this one may grade otherwise.
    """
    release = distribution.release()
    version.linted_at, version.lint = twin.linted_at, twin.lint
    version.baselines = [row for row in twin.baselines if row.get("release") == release]
    version.author_baselines = version.author_baselines or twin.author_baselines


def lint_problems(version: ChallengeVersion) -> list[Problem]:
    """What lint on a worker has found; files are relative to the challenge's folder."""
    return [Problem(**one) for one in version.lint.get("problems", ())]


@transaction.atomic
def record(version_id: int, row: dict[str, Any]) -> ChallengeVersion:
    """Stores the result of a baseline that ran on this server. It replaces an earlier result of the same file.

    `row` has `file`, `kind`, `approach`, `score` (rounded down to the step, or None), `ok`, `problem`, `provisional`,
    `cost`, `training` and `seconds`; the release that graded it is stored with it. If it was the last missing result,
    the version becomes verified, and what is to go live then is published.
    """
    version = locks.hold_version(version_id)
    note_results(version, [row])
    return version


def note_results(version: ChallengeVersion, rows: Sequence[dict[str, Any]]) -> None:
    """Stores results of baselines as `record` does. The caller's transaction must have locked the course and the
    version; see `locks`.
    """
    release, files = distribution.release(), {row["file"] for row in rows}
    kept = [one for one in version.baselines if one["file"] not in files]
    version.baselines = [*kept, *({**row, "release": release} for row in rows)]
    version.save(update_fields=["baselines"])
    settle(version)


def settle(version: ChallengeVersion) -> None:
    """Verifies the version if no check is missing, and publishes it if it is to go live then.

    The caller's transaction must have locked the course and the version; see `locks`.
    """
    if not version.is_verified:
        if lacking(version):
            return
        version.verified_at = timezone.now()
        version.save(update_fields=["verified_at"])
        log.info("version_verified", version=str(version))
    elif not version.is_draft:
        return
    if version.is_draft and version.goes_live and _is_newest(version):
        publish(version)
    elif not version.is_draft:
        _stamp(version)


def publish(version: ChallengeVersion) -> None:
    """Publishes a version: learners see it from now on. The caller's transaction must have locked the course."""
    if version.is_draft:
        version.published_at, version.goes_live = timezone.now(), True
        version.save(update_fields=["published_at", "goes_live"])
    challenge = Challenge.objects.select_for_update(no_key=True).get(pk=version.challenge_id)
    if challenge.version_id != version.pk:
        kept = board_versions.kept(challenge, version)
        Challenge.objects.filter(pk=challenge.pk).update(version=version, board_version=kept)
    _stamp(version)


def next_version(challenge: Challenge) -> str:
    """Returns the number of the version that goes live as soon as it is verified, empty if there is none."""
    waiting = challenge.versions.filter(published_at=None, goes_live=True).values_list("version", flat=True)
    return max(waiting, key=version_number, default="")


def _is_newest(version: ChallengeVersion) -> bool:
    """Returns False if learners see a newer version already. A draft that is verified late must not replace it."""
    live = version.challenge.version
    return live is None or version_number(version.version) > version_number(live.version)


def _stamp(version: ChallengeVersion) -> None:
    """Sets the time of the course's last change, so that all processes read it again; see `catalogue`."""
    Course.objects.filter(lessons__challenges=version.challenge_id).update(updated_at=timezone.now())


def newest(course: Course | None = None) -> list[ChallengeVersion]:
    """Returns the version with the highest number of each current challenge, draft or not, in the order of the path.

    Those that only the draft of a course has are left out.
    """
    current = ChallengeVersion.objects.filter(challenge__is_current=True, challenge__lesson__is_current=True)
    current = current.filter(goes_live=True)
    if course is not None:
        current = current.filter(challenge__lesson__course=course)
    by_challenge: dict[int, ChallengeVersion] = {}
    for version in sorted(current.select_related("challenge__lesson", "challenge__version"), key=_rank):
        by_challenge[version.challenge_id] = version
    return sorted(by_challenge.values(), key=lambda one: (one.challenge.lesson.position, one.challenge.position))


def _rank(version: ChallengeVersion) -> tuple[VersionNumber, bool, int]:
    return version_number(version.version), version.pk == version.challenge.version_id, version.pk


def unneeded(course: Course) -> list[ChallengeVersion]:
    """Returns the versions that learners never saw, that do not wait to go live, and that no draft has."""
    draft = course.versions.drafts().first()
    contents = draft.digests if draft else {}
    unseen = ChallengeVersion.objects.filter(challenge__course=course, goes_live=False, published_at=None)
    versions = unseen.select_related("challenge").defer(*ChallengeVersion.CONTENT)
    return [one for one in versions if contents.get(one.challenge.name) != one.digest]


def lacking(version: ChallengeVersion) -> list[str]:
    """Returns what is still missing before this server has verified a version, one line each, and what to do.

    No line quotes a hidden row.
    """
    missing = [] if version.linted_at else _unlinted(version)
    results = {row["file"]: row for row in version.baselines}
    pilot = pilot_mode(version)
    if pilot and any(row["provisional"] for row in results.values()):
        missing.append(pilot)
    for ref in version.parsed.baselines:
        row = results.get(ref.file)
        if row is None:
            missing.append(f"{ref.file} has not run on this server yet. It runs while no learner waits.")
        elif row["provisional"] and pilot:
            continue
        elif said := said_of(ref.file, row):
            missing.append(said)
    return missing


def for_viewers(line: str) -> str:
    """Returns what a check says to people who are ranked on the boards: nothing about single hidden rows."""
    if any(name in line for name in HIDDEN):
        return "Something is wrong with hidden rows. Editors of the course see what it is."
    return line


def pilot_mode(version: ChallengeVersion) -> str:
    """A sentence about a question whose answers people grade, because too few are marked to measure a judge; empty for
    all others.
    """
    if not any(row["provisional"] for row in version.baselines) or not kinds.find(version.parsed.kind).is_judged:
        return ""
    try:
        missing = parse_once(_missing, (version.challenge_id, version.digest), lambda: _marks_missing(version))
    except bundles.BundleMissing:
        return ""
    if not missing:
        return ""
    return (
        "people grade this question until a judge has passed its gate. "
        f"That takes {several(missing, 'more marked answer')} with the role calibration; "
        "answers that people grade here count, too, where the author has agreed to it."
    )


def _marks_missing(version: ChallengeVersion) -> int:
    return marks_missing(bundles.load(version).gold)


def said_of(file: str, row: dict[str, Any]) -> str:
    """What is wrong with the result of a baseline, as a sentence; empty if it is within its bounds."""
    if row["provisional"]:
        return (
            f"{file} got a provisional grade: no judge has passed the gate of this question here. "
            "Calibrate one with `gradus challenge calibrate`, and push or import the course again."
        )
    if row["ok"]:
        return ""
    shown = "" if row["score"] is None else f" scored {row['score']:.2f} (rounded down),"
    return f"{file}{shown} {row['problem']}"


def _unlinted(version: ChallengeVersion) -> list[str]:
    if problems := lint_problems(version):
        return [str(problem) for problem in problems]
    error = version.lint.get("error")
    return [LINT_ENDED.format(code=error) if error else UNLINTED]


def to_run(version: ChallengeVersion) -> list[str]:
    """Returns the files of the baselines that have no result on this server, or a result outside their bounds."""
    good = {row["file"] for row in version.baselines if row["ok"] and not row["provisional"]}
    return [ref.file for ref in version.parsed.baselines if ref.file not in good]
