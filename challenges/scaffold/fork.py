"""Makes an edition of a course: its folder again, with another id, and with hidden rows that somebody else writes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from challenges.authoring.archive import files_of
from challenges.authoring.edition import FOLDER, RECORD, record_of, rows_file, scores_of
from challenges.authoring.schemas import write_schemas
from challenges.course_bundle import CourseBundle
from challenges.reading import BundleErrors, read_course
from challenges.scaffold.folders import PLACE, CannotBegin, refuse_existing, refuse_other_ids

HIDDEN = "hidden.jsonl"
ID = re.compile(r"(?m)^id:.*$")
KEPT = (".gitignore", ".gitattributes")


@dataclass(frozen=True)
class Wanting:
    """A challenge that waits for hidden rows: the file, and how many the course before had."""

    file: str
    rows: int


@dataclass(frozen=True)
class Edition:
    """The folder that was written, the challenges whose hidden rows were given, and those that wait for theirs."""

    folder: Path
    id: str
    given: tuple[str, ...]
    wanting: tuple[Wanting, ...]


def fork(course: Path, into: Path, name: str, hidden: Path | None) -> Edition:
    """Writes an edition of a course into a folder in `into`. Raises `CannotBegin`; then nothing is written.

    `name` is its id and that of its folder, by default the course's id with `-edition`.
    `hidden` holds the new hidden rows, as `LESSON/CHALLENGE/hidden.jsonl`, `CHALLENGE/hidden.jsonl` or
    `CHALLENGE.jsonl`. Of an earlier edition, which is a course's folder, only files of the first form are taken.
    """
    try:
        bundle = read_course(course)
        names, problems = files_of(course)
    except BundleErrors as errors:
        raise CannotBegin(f"{course} cannot be read: {errors.problems[0]}") from errors
    if problems:
        raise CannotBegin(f"{course} cannot be copied: {problems[0]}")
    folder = into / (name or f"{bundle.course.id}-edition")
    refuse_other_ids(folder.name, "a course")
    refuse_existing(folder)
    if bundle.course.id == folder.name:
        raise CannotBegin(f"`{folder.name}` is the id of the course itself: choose another one with --id")
    text = (course / "course.yaml").read_text(encoding="utf-8")
    if len(ID.findall(text)) != 1:
        raise CannotBegin(
            f"{course / 'course.yaml'} has its id written in an unusual way: write `id: {bundle.course.id}`"
        )
    before = {
        f"{lesson.id}/{one.challenge.id}": len(one.hidden) for lesson in bundle.lessons for one in lesson.challenges
    }
    places = [place for place in before if before[place]]
    found = _given(hidden, places) if hidden else {}
    try:
        _write(course, folder, bundle, names, places, found, ID.sub(f"id: {folder.name}", text))
    except OSError as error:
        raise CannotBegin(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    wanting = tuple(Wanting(f"{place}/{HIDDEN}", before[place]) for place in places if place not in found)
    return Edition(folder, folder.name, tuple(sorted(found)), wanting)


def _given(hidden: Path, places: list[str]) -> dict[str, Path]:
    """The files of new hidden rows, by the place of their challenge."""
    if not hidden.is_dir():
        raise CannotBegin(f"there is no folder {hidden}: name the one that holds the new hidden rows")
    if (hidden / "course.yaml").is_file():
        own = {place: hidden / place / HIDDEN for place in places}
        return {place: path for place, path in own.items() if path.is_file()}
    named: dict[str, Path] = {}
    by_name = {place.rpartition("/")[2]: place for place in places}
    for path in sorted(hidden.rglob("*.jsonl")):
        rel = path.relative_to(hidden)
        parts = rel.with_suffix("").parts if rel.name != HIDDEN else rel.parent.parts
        place = "/".join(parts) if "/".join(parts) in places else by_name.get(parts[0]) if len(parts) == 1 else None
        if place is None:
            known = ", ".join(by_name)
            raise CannotBegin(
                f"{path} belongs to no challenge with hidden rows: name it CHALLENGE.jsonl or CHALLENGE/{HIDDEN}, "
                f"where CHALLENGE is one of {known}"
            )
        if place in named:
            raise CannotBegin(f"{named[place]} and {path} are both for {place}: keep one of them")
        named[place] = path
    return named


def _write(
    course: Path,
    folder: Path,
    bundle: CourseBundle,
    names: list[str],
    places: list[str],
    given: Mapping[str, Path],
    course_yaml: str,
) -> None:
    """Everything is written beside the folder, which is there only when all of it is."""
    final = folder.resolve()
    final.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=final.parent, prefix=PLACE) as beside:
        made = Path(beside) / final.name
        secret = {f"{place}/{HIDDEN}" for place in places}
        for name in [*names, *(one for one in KEPT if (course / one).is_file())]:
            if name not in secret:
                _copy(course / name, made / name)
        for place in places:
            _copy(course / place / HIDDEN, made / rows_file(place))
            if place in given:
                _copy(given[place], made / place / HIDDEN)
        (made / "course.yaml").write_text(course_yaml, encoding="utf-8")
        scores = {
            f"{lesson.id}/{one.challenge.id}": scores_of(lesson.measured, one.challenge.id, one.digest)
            for lesson in bundle.lessons
            for one in lesson.challenges
            if one.hidden
        }
        (made / FOLDER).mkdir(exist_ok=True)
        (made / RECORD).write_text(record_of(bundle.course.id, bundle.course.version, scores), encoding="utf-8")
        write_schemas(made)
        made.rename(final)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
