"""Begins courses, lessons and challenges: writes their folders, and lists each where it belongs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

from challenges.authoring.schemas import schema_line, schema_of, write_schemas
from challenges.files.writing import write_whole
from challenges.kinds import registry as kinds
from challenges.registry import kind_names, load
from challenges.scaffold.base import Scaffold, Wanted
from challenges.scaffold.course import course_files, lesson_files
from challenges.scaffold.listed import CannotAdd, add_to_list
from challenges.spec import SLUG

ID_MAX = 64
# How the folder begins in which another one is made.
PLACE = ".gradus-"


class CannotBegin(Exception):
    """What was asked for cannot be begun, and nothing was written. The message says why and what can be."""


@dataclass(frozen=True)
class Begun:
    """A folder that was written, with its files by their path in it, and the file in which it was listed."""

    folder: Path
    files: tuple[str, ...]
    listed_in: Path | None = None


def begin_course(folder: Path, lesson: str) -> Begun:
    """Writes the folder of a course with one lesson. Raises `CannotBegin`."""
    refuse_other_ids(folder.name, "a course")
    refuse_other_ids(lesson, "a lesson")
    files = course_files(folder.name, lesson)
    files |= {f"{lesson}/{name}": text for name, text in lesson_files().items()}
    return _written(folder, files, folder)


def begin_lesson(course: Path, name: str) -> Begun:
    """Writes the folder of a lesson into a course and lists it in `course.yaml`. Raises `CannotBegin`."""
    refuse_other_ids(name, "a lesson")
    if not (course / "course.yaml").is_file():
        raise CannotBegin(f"there is no course.yaml in {course}: run this in a course's folder, or name it with --in")
    return _begin_in(course, "course.yaml", "lessons", name, lesson_files(), course)


def begin_challenge(lesson: Path, kind: str, wanted: Wanted) -> Begun:
    """Writes the folder of a challenge into a lesson and lists it in `lesson.yaml`. Raises `CannotBegin`.

    Empty parts of `wanted` become those of the first form of the kind that has the others.
    """
    refuse_other_ids(wanted.id, "a challenge")
    found = scaffold_of(kind)
    lesson = _lesson_in(lesson)
    files = found.files(_fitting(kind, found, wanted))
    # Resolved, because the parent of the folder `.` is that folder.
    above = lesson.resolve().parent
    root = above if (above / "course.yaml").is_file() else lesson
    return _begin_in(lesson, "lesson.yaml", "challenges", wanted.id, files, root)


def scaffold_of(kind: str) -> Scaffold:
    """What a kind brings. Raises `CannotBegin` where there is no such kind, or it brings nothing."""
    refuse_unknown(kind, kind_names(), "kind")
    path = kinds.find(kind).scaffold
    if not path:
        raise CannotBegin(f"the kind `{kind}` brings no folder to begin with: copy a challenge of this kind")
    found: Scaffold = load(path)
    return found


def refuse_unknown(name: str, known: tuple[str, ...], what: str) -> None:
    """Raises `CannotBegin` with the known names, and the nearest of them, where `name` is not among them."""
    if name in known:
        return
    near = get_close_matches(name, known, n=1)
    meant = f" Did you mean `{near[0]}`?" if near else ""
    raise CannotBegin(f"there is no {what} `{name}`. Use one of {', '.join(known)}.{meant}")


def refuse_other_ids(name: str, what: str) -> None:
    """Raises `CannotBegin`, which says what ids are, where the name of a folder cannot be one."""
    if re.fullmatch(SLUG, name) and len(name) <= ID_MAX:
        return
    near = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:ID_MAX].strip("-")
    such = f", such as `{near}`" if near else ", such as `sea-or-sky`"
    raise CannotBegin(
        f"`{name}` cannot be the id of {what}: an id is lower-case words (a to z and digits) joined by `-`, of at most "
        f"{ID_MAX} characters{such}"
    )


def _fitting(kind: str, scaffold: Scaffold, wanted: Wanted) -> Wanted:
    """`wanted` with the form that it leaves open. Raises `CannotBegin` where the kind has no such form."""
    answers, methods = (tuple(dict.fromkeys(form[n] for form in scaffold.forms if form[n])) for n in (0, 1))
    for name, known, what in ((wanted.answer, answers, "answer type"), (wanted.method, methods, "training method")):
        if name and not known:
            raise CannotBegin(f"a challenge of the kind `{kind}` has no {what}: leave it out")
        if name:
            refuse_unknown(name, known, what)
    fit = [form for form in scaffold.forms if wanted.answer in ("", form[0]) and wanted.method in ("", form[1])]
    if not fit:
        others = ", ".join(answer for answer, method in scaffold.forms if method == wanted.method)
        raise CannotBegin(f"answers of the type {wanted.answer} do not go with {wanted.method}. Use one of {others}.")
    answer, method = fit[0]
    labels = wanted.labels
    if labels and answer != "label":
        raise CannotBegin("only answers of the type label have labels: leave them out, or add --answer label")
    if labels and (len(set(labels)) < max(2, len(labels)) or not all(labels)):
        raise CannotBegin("give at least two labels, all different, with commas between them")
    return Wanted(wanted.id, answer, method, labels)


def _lesson_in(folder: Path) -> Path:
    """The folder of a lesson: the given one, or the only lesson of the course in it."""
    if (folder / "lesson.yaml").is_file():
        return folder
    lessons = sorted(path.parent for path in folder.glob("*/lesson.yaml"))
    if len(lessons) == 1:
        return lessons[0]
    among = f" Its lessons are {', '.join(path.name for path in lessons)}." if lessons else ""
    raise CannotBegin(
        f"there is no lesson.yaml in {folder}: run this in a lesson's folder, or name one with --in.{among}"
    )


def _begin_in(parent: Path, marker: str, key: str, name: str, files: Mapping[str, str], root: Path) -> Begun:
    """Writes a folder below `parent` and adds its name to the list `key` of the parent's file."""
    listing = parent / marker
    folder = parent / name
    try:
        refuse_existing(folder)
        text = listing.read_bytes().decode("utf-8")
        changed = add_to_list(text, key, name)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotBegin(f"{listing} cannot be read: {error}") from error
    except CannotAdd as error:
        raise CannotBegin(f"{listing} was left as it is: {error}. Correct it, or write the list anew.") from error
    begun = _written(folder, files, root)
    try:
        write_whole(listing, changed.encode())
    except OSError as error:
        shutil.rmtree(folder)
        raise CannotBegin(f"{listing} cannot be written: {error.strerror}") from error
    return replace(begun, listed_in=listing)


def refuse_existing(folder: Path) -> None:
    """Raises `CannotBegin` where something of this name is there already."""
    if os.path.lexists(folder):
        raise CannotBegin(f"{folder} exists already, and is left as it is: choose another name")


def _written(folder: Path, files: Mapping[str, str], root: Path) -> Begun:
    """Writes the files, each YAML file with the line that names its schema, and the schemas below `root`.

    They are written beside the folder, which is there only when all of them are.
    """
    refuse_existing(folder)
    final = folder.resolve()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=final.parent, prefix=PLACE) as place:
            made = Path(place) / final.name
            made.mkdir()
            for name, text in files.items():
                path, schema = made / name, schema_of(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                line = (
                    f"{schema_line(final / name, root.resolve(), schema)}\n"
                    if schema and path.suffix == ".yaml"
                    else ""
                )
                path.write_bytes(f"{line}{text}".encode())
            write_schemas(made if root == folder else root)
            made.rename(final)
    except UnicodeEncodeError as error:
        raise CannotBegin("what was given is no text: write it with characters that UTF-8 has") from error
    except OSError as error:
        is_beside = not error.filename or PLACE in str(error.filename)
        raise CannotBegin(f"{folder if is_beside else error.filename} cannot be written: {error.strerror}") from error
    return Begun(folder, tuple(files))
