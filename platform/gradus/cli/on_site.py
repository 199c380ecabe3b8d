"""Reads the live version and the draft of a course from the site, and refuses to overwrite or publish unseen work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from challenges.compare import version_number
from gradus.cli import archives, course_output
from gradus.cli.client import Api, Failure

# Reasons that are ignored here, because the command's own call fails with the same reason and a fuller message.
UNSEEN = ("not_found", "missing_scope", "missing_role")


def refuse_used_number(api: Api, course: str, folder: Path) -> None:
    """Raises `Failure` if the live version has other content and at least the version number of the folder.

    This is for a folder that was neither pushed nor pulled on this machine. It may lack what a colleague has published,
    for example if it is an older clone of the repository.
    """
    found = live(api, course)
    if found is None or found["digest"] == archives.digest_of(folder):
        return
    here = archives.version_of(folder)
    if version_number(here) <= version_number(found["version"]):
        told = (
            f"{course} {found['version']} is published already, with other content, {course_output.pushed_how(found)}."
        )
        how = (
            "If the folder lacks that content, bring it in: `gradus course pull` downloads it. Then raise `version:` in"
        )
        raise Failure(f"{told} {how} course.yaml. --force pushes the folder as it is.", reason="number_used")


def live(api: Api, course: str) -> dict[str, Any] | None:
    """Returns the live version of a course, or None if the caller sees no live version or no such course."""
    try:
        found: dict[str, Any] = api.get(f"courses/{course}/live")
    except Failure as failure:
        if failure.reason not in (*UNSEEN, "no_such_version"):
            raise
        return None
    return found


def live_digest(api: Api, course: str) -> str:
    """Returns the digest of the live version of a course, or "" if no version is live."""
    found = live(api, course)
    return str(found["digest"]) if found else ""


def draft_digest(version: dict[str, Any]) -> str:
    return str(version["digest"]) if version["state"] == "draft" else ""


def draft_or_live(api: Api, course: str) -> dict[str, Any]:
    found: dict[str, Any] = draft_or_none(api, course, known=True) or api.get(f"courses/{course}/live")
    return found


def draft_or_none(api: Api, course: str, *, known: bool = False) -> dict[str, Any] | None:
    """Returns the draft of a course, or None. With `known`, a course that does not exist is a `Failure`."""
    try:
        found: dict[str, Any] = api.get(f"courses/{course}/draft")
    except Failure as failure:
        if failure.reason == "no_draft" or (failure.reason in UNSEEN and not known):
            return None
        raise
    return found


def refuse_another_draft(api: Api, course: str, folder: Path) -> None:
    """Raises `Failure` if the draft differs from the folder, for example because a colleague has pushed it."""
    draft = draft_or_none(api, course)
    if draft is None or draft["digest"] == archives.digest_of(folder):
        return
    told = f"The draft of {course} is not what is in {folder}: it was {course_output.pushed_how(draft)}."
    how = "Push the folder, or look at the draft with `gradus course pull --version draft`. To publish it as it is, "
    raise Failure(f"{told} {how}name it: --course {course}.", reason="other_content")
