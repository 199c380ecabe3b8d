"""The files of a course as its authors are changing them: its draft, or what is live, with their edits on top.

A change is stored as it is typed, right or wrong; lint says what is wrong with it. `make_draft` turns all changes into
a draft of the course, by the way of `gradus course push`, which refuses what lint refuses.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.authoring.archive import files_of, is_left_out, pack, peek, unpack, wrong_names
from challenges.compare import next_version, version_number
from challenges.files.source import ROWS_MAX, TEXT_MAX
from challenges.lint.run import Linted, inspect
from challenges.problems import ROWS
from challenges.reading import BundleErrors, read_course
from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses import archives, publishing, renumbering
from gradus.courses.models import ChallengeVersion, Course, CourseVersion
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused, refuse_broken, wrong
from gradus.studio.models import PATH_CHARS, Edit

# Files of which the author alone may know, by their name or folder.
SECRET_NAMES = ("hidden.jsonl", "gold.jsonl", "attacks.jsonl", "benign.jsonl", "systems.yaml", "solution.md")
SECRET_FOLDERS = ("baselines", "findings")
NOT_THERE = "none"


@dataclass(frozen=True)
class Listed:
    """A file of a course. `state` is `same`, `changed`, `new` or `removed`; `is_moved` if the file below it is another
    one than that from which the author began.
    """

    path: str
    state: str
    is_moved: bool = False
    edit: Edit | None = None

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def has_rows(self) -> bool:
        return self.path.endswith(ROWS)

    @property
    def is_secret(self) -> bool:
        """Whether learners must not read it."""
        return is_secret(self.path)


@dataclass(frozen=True)
class File:
    """A file as it is now. `text` is None where it is no text, or is not there. `below` is the text without edits.

    `seen` names this state: who saves sends it back.
    """

    path: str
    text: str | None
    below: str | None
    base: str
    edit: Edit | None
    is_binary: bool = False

    @property
    def seen(self) -> str:
        return f"edit-{self.edit.pk}-{self.edit.revision}" if self.edit else self.base or NOT_THERE

    @property
    def is_moved(self) -> bool:
        return self.edit is not None and self.edit.base != self.base and not _has_all_of(self.edit, self.below)


class ChangedMeanwhile(Refused):
    """Somebody else has changed the file since it was read. `now` is the file as it is."""

    def __init__(self, now: File) -> None:
        who = now.edit.edited_by if now.edit else None
        said = _(
            "%(who)s has changed this file since you opened it. Your text is still in the field, and nothing is lost."
        )
        super().__init__("changed_meanwhile", said % {"who": who or _("Somebody")}, 409)
        self.now = now


def is_secret(path: str) -> bool:
    *folders, name = path.split("/")
    return name in SECRET_NAMES or any(folder in SECRET_FOLDERS for folder in folders)


def base_of(course: Course) -> CourseVersion | None:
    """Returns the version whose files are changed: the draft, or what is live; None for a course without files."""
    version = publishing.draft_of(course) or course.versions.published().first()
    return version if version is not None and version.archive else None


def _below(course: Course, wanted: Collection[str] = ()) -> tuple[list[str], dict[str, bytes]]:
    """Returns the names of the files without edits, and the contents of those of them in `wanted`."""
    version = base_of(course)
    if version is None:
        return [], {}
    with archives.open_archive(version) as file:
        return peek(file, wanted)


@contextmanager
def folder_of(course: Course) -> Iterator[Path]:
    """Unpacks the files with all edits into a temporary folder that is called as the course."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / course.slug
        folder.mkdir()
        # Read before the files below them: a draft that is made meanwhile has them, and then they change nothing.
        edits = list(course.edits.all())
        if (version := base_of(course)) is not None:
            with archives.open_archive(version) as file:
                unpack(file, folder)
        for edit in edits:
            path = folder / edit.path
            if edit.is_removed:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(edit.text.encode())
        yield folder


def listed(course: Course) -> list[Listed]:
    """Returns all files of a course, those too that were removed."""
    edits = {edit.path: edit for edit in course.edits.select_related("edited_by")}
    found = []
    names, data = _below(course, edits)
    for name in sorted({*names, *edits}):
        edit = edits.get(name)
        if edit is None:
            found.append(Listed(name, "same"))
            continue
        state = "removed" if edit.is_removed else "changed" if edit.base else "new"
        below = data.get(name)
        base = "" if below is None else _digest(below)
        found.append(Listed(name, state, edit.base != base and not _has_all_of(edit, _text(below)), edit))
    return found


def read(course: Course, path: str) -> File:
    """Returns a file as it is now. Raises `Refused` (422) for a name that no file can have."""
    _check_path(path)
    edit = course.edits.filter(path=path).select_related("edited_by").first()
    data = _below(course, [path])[1].get(path)
    below = _text(data)
    base = "" if data is None else _digest(data)
    is_binary = edit is None and data is not None and below is None
    text = below if edit is None else None if edit.is_removed else edit.text
    return File(path, text, below, base, edit, is_binary)


def save(course: Course, path: str, text: str, *, by: User, seen: str) -> File:
    """Stores a text as a file of the course. A text that is equal to the file below is no edit any more.

    Raises:
        ChangedMeanwhile: the file is not what `seen` names.
        Refused: 422, the name or the text cannot be stored.
        Http404, Refused: the person may not edit the course.
    """
    text = plain(text)
    _check_text(path, text)
    return _write(course, path, by, seen, lambda now: {"text": text, "is_removed": False})


def plain(text: str) -> str:
    """Returns a text with the line ends that files of the studio have."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def remove(course: Course, path: str, *, by: User, seen: str) -> File:
    """Removes a file. Raises what `save` raises."""
    return _write(course, path, by, seen, lambda now: {"text": "", "is_removed": True})


def revert(course: Course, path: str, *, by: User, seen: str) -> File:
    """Takes the changes of a file back. Raises what `save` raises."""
    return _write(course, path, by, seen, lambda now: None)


def keep_mine(course: Course, path: str, *, by: User, seen: str) -> File:
    """Keeps the edit of a file that was pushed meanwhile: the next draft has it in place of what was pushed."""
    return _write(course, path, by, seen, _as_it_is)


def _as_it_is(now: File) -> dict[str, Any]:
    return {"text": now.text or "", "is_removed": now.edit is not None and now.edit.is_removed}


@transaction.atomic
def _write(course: Course, path: str, by: User, seen: str, change: Callable[[File], dict[str, Any] | None]) -> File:
    locked = Course.objects.select_for_update().get(pk=course.pk)
    roles.refuse_unless(by, locked, roles.EDITS)
    now = read(locked, path)
    if now.seen != seen:
        raise ChangedMeanwhile(now)
    values = change(now)
    if (
        values is None
        or (values["is_removed"] and not now.base)
        or (now.below is not None and values["text"] == plain(now.below) and not values["is_removed"])
    ):
        locked.edits.filter(path=path).delete()
        return read(locked, path)
    values |= {"base": now.base, "edited_by": by, "edited_at": timezone.now()}
    edit = now.edit or Edit(course=locked, path=path, revision=0)
    for name, value in values.items():
        setattr(edit, name, value)
    edit.revision += 1
    edit.save()
    return read(locked, path)


def take(course: Course, folder: Path, *, by: User) -> list[str]:
    """Stores what differs between a folder that `folder_of` gave and the course's files now, as edits.

    Returns the paths. With it, whatever works on an author's folder works in the studio.
    """
    names, problems = files_of(folder)
    if problems:
        raise BundleErrors(problems)
    changed = []
    with transaction.atomic(), folder_of(course) as before:
        old, _problems = files_of(before)
        for name in names:
            data = (folder / name).read_bytes()
            if _data(before / name) != data and (text := _text(data)) is not None:
                save(course, name, text, by=by, seen=read(course, name).seen)
                changed.append(name)
        for name in set(old) - set(names):
            remove(course, name, by=by, seen=read(course, name).seen)
            changed.append(name)
    return sorted(changed)


def lint(course: Course) -> Linted:
    """Returns everything that is wrong with the files as they are now."""
    with folder_of(course) as folder:
        return inspect(folder)


def make_draft(course: Course, *, by: User, note: str = "") -> CourseVersion:
    """Makes a draft of the course with all edits, which are then no edits any more.

    A challenge whose content changes, and whose number stands for another content already, gets the next number. Who
    asks for it a second time gets the draft of the first time, however close the two follow each other.

    Raises:
        BundleErrors: with everything that is wrong with the files.
        Refused: 409 `nothing_changed`, or `moved`, a file was pushed while it was edited here; and what
            `publishing.push` raises.
    """
    try:
        return _drafted(course, by, note)
    except (Refused, VersionRefused):
        roles.refuse_unless(by, course, roles.EDITS)
        draft = publishing.draft_of(course)
        if draft is None or draft.pushed_by_id != by.pk or course.edits.exists():
            raise
        return draft


def _drafted(course: Course, by: User, note: str) -> CourseVersion:
    edits = list(course.edits.all())
    if not edits:
        raise Refused("nothing_changed", _("Nothing was changed since the last draft."), 409)
    if moved := [one.path for one in listed(course) if one.is_moved]:
        said = _(
            "Pushed by somebody else while it was changed here: %(files)s. Open each, and choose which text stays."
        )
        raise Refused("moved", said % {"files": ", ".join(moved)}, 409)
    with folder_of(course) as folder, tempfile.TemporaryFile() as file:
        found = inspect(folder)
        if found.problems:
            raise BundleErrors(found.problems)
        _renumber(course, folder)
        pack(folder, file)
        pushed = publishing.push(
            folder, file, by=by, course_slug=course.slug, base=course.digest, note=note,
            within=lambda: _forget(course, edits),
        )  # fmt: skip
    return pushed.version


def _forget(course: Course, edits: Iterable[Edit]) -> None:
    """Deletes edits that a draft holds, but for those that were changed again since they were read."""
    for edit in edits:
        course.edits.filter(pk=edit.pk, revision=edit.revision).delete()


def _has_all_of(edit: Edit, below: str | None) -> bool:
    """Says whether a file has the same without its edit."""
    return below == (None if edit.is_removed else edit.text)


def upload(course: Course, archive: IO[bytes], *, by: User, seen: str, note: str = "") -> publishing.Pushed:
    """Makes the draft of a zip archive of the course's folder, by the way of `gradus course push`.

    `seen` is the digest of the draft that the person saw, or `NOT_THERE`. What was changed here and is in no draft yet
    stays on top of the new draft; a change is dropped only if the archive has the same.

    Raises:
        BundleErrors: with everything that is wrong with the archive or its files.
        VersionRefused, Refused: what `publishing.push` raises; 409 `moved`, the draft is another one than was seen.
    """
    draft = publishing.draft_of(course)
    if draft is not None:
        publishing.refuse_unless_seen(draft, seen or NOT_THERE)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / course.slug
        folder.mkdir()
        unpack(archive, folder)
        pushed = publishing.push(folder, archive, by=by, course_slug=course.slug, base=course.digest, note=note)
        edits = course.edits.all()
        _forget(course, [one for one in edits if _has_all_of(one, _text(_data(folder / one.path)))])
    return pushed


def _renumber(course: Course, folder: Path) -> None:
    """Gives the next numbers to the course and to challenges whose number stands for another content already."""
    bundle = read_course(folder)
    known = set(ChallengeVersion.objects.filter(challenge__course=course).values_list("challenge__name", "digest"))
    given = {one.challenge.id: one for one in bundle.challenges}
    numbers = {
        name: number
        for name, number in renumbering.numbers_for(course, bundle).items()
        if (name, given[name].digest) not in known
        and version_number(number) > version_number(given[name].challenge.version)
    }
    number = bundle.course.version
    if course.version and version_number(number) <= version_number(course.version):
        number = next_version(course.version)
    try:
        renumbering.renumber(folder, bundle, number, numbers)
    except renumbering.NotRenumbered as error:
        raise Refused("not_renumbered", str(error), 409) from None


def _check_path(path: str) -> None:
    parts = path.split("/")
    problems = wrong_names([path])
    if problems or any(map(is_left_out, parts)) or len(path) > PATH_CHARS:
        what = problems[0].what if problems else _("begins with a dot, or is too long")
        raise wrong("path", _("This cannot be the name of a file: %(what)s.") % {"what": what})


def _check_text(path: str, text: str) -> None:
    most = ROWS_MAX if path.endswith(ROWS) else TEXT_MAX
    if (size := len(text.encode())) > most:
        said = _("The file has %(size)s bytes; %(most)s are allowed. Make it smaller.")
        raise wrong("text", said % {"size": f"{size:,}", "most": f"{most:,}"}, "too_long")
    refuse_broken("text", text)


def _data(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None or b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
