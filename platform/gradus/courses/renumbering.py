"""Gives the content of an earlier version new numbers, so that a course can go back to it.

Only the lines with the numbers change in the author's files. So comments, order and everything else stay as written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from challenges.compare import next_version, version_number
from challenges.course_bundle import CourseBundle
from challenges.files import yaml_lines
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.courses.staging import numbered
from gradus.courses.versions import scores_of


class NotRenumbered(Exception):
    """The number could not be found in a file of the author."""


def numbers_for(course: Course, bundle: CourseBundle) -> dict[str, str]:
    """Returns the number that each challenge needs to go live again, by id, of those whose number changes.

    Content that is live keeps the number by which it is live. Other content gets the next number that is free.
    """
    rows = {one.name: one for one in course.challenges.select_related("version")}
    found = {}
    for one in bundle.challenges:
        row = rows.get(one.challenge.id)
        number = _number(row, one.challenge.version, bundle) if row else one.challenge.version
        if number != one.challenge.version:
            found[one.challenge.id] = number
    return found


def _number(row: Challenge, given: str, bundle: CourseBundle) -> str:
    content = next(one for one in bundle.challenges if one.challenge.id == row.name)
    live = row.version
    if live is not None and numbered(content, live.version).digest == live.digest:
        return live.version
    taken = [one for one in row.versions.defer(*ChallengeVersion.CONTENT) if not _is_free(one)]
    highest = max((one.version for one in taken), key=version_number, default=None)
    return next_version(highest) if highest else given


def _is_free(version: ChallengeVersion) -> bool:
    """True for a version that only the draft of a course has, because the next draft replaces it."""
    return version.is_draft and not version.goes_live and not scores_of(version)


def renumber(folder: Path, bundle: CourseBundle, course_number: str, numbers: Mapping[str, str]) -> None:
    """Writes new numbers into the files of `folder`, which holds `bundle`.

    What `measured.json` says of a challenge that gets another number stays true of it, so its digest changes too.

    Raises:
        NotRenumbered: a file has its number in a place where it cannot be changed by line.
    """
    _write_number(folder / "course.yaml", course_number)
    for lesson in bundle.lessons:
        measured = folder / lesson.id / "measured.json"
        for challenge in lesson.challenges:
            number = numbers.get(challenge.challenge.id)
            if number is None:
                continue
            _write_number(folder / lesson.id / challenge.challenge.id / "challenge.yaml", number)
            if measured.is_file():
                after = numbered(challenge, number).digest.encode()
                measured.write_bytes(measured.read_bytes().replace(challenge.digest.encode(), after))


def _write_number(path: Path, number: str) -> None:
    text = path.read_bytes().decode("utf-8")
    located = yaml_lines.read(text)
    lines, at = text.splitlines(keepends=True), located.line("version") - 1
    old = re.escape(str(located.data["version"]))
    lines[at], count = re.subn(rf"(version[\"']?\s*:\s*[\"']?|^\s*[\"']?){old}", rf"\g<1>{number}", lines[at], count=1)
    changed = "".join(lines)
    if count != 1 or yaml_lines.read(changed).data != {**located.data, "version": number}:
        raise NotRenumbered(f"{path.name}: its version is not written as `version: 1.2.3` on a line")
    path.write_bytes(changed.encode("utf-8"))
