"""Packs the folder of a course into a zip archive, and unpacks an archive that somebody sent.

An archive comes from outside. So every name is checked before anything is written, and every bound is counted on what
is really read: the sizes in an archive's directory only serve to refuse it earlier.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import IO

from challenges.characters import unwanted
from challenges.problems import Problem
from challenges.reading import ADAPTER_MAX, BundleErrors

# A course may hold several adapters for its lessons' demos, which hardly shrink: four of the largest fit.
ARCHIVE_MAX = 4 * ADAPTER_MAX
# Texts and rows shrink to a third or less, so a course of adapters and of texts that fits packed fits unpacked too.
BYTES_MAX = 8 * ADAPTER_MAX
# Twelve challenges with eight files and twenty baselines each, in fifteen lessons, are 5,000 files.
FILES_MAX = 5_000
# A record of the directory has 46 bytes and a name. What is longer is refused before it is parsed into objects.
DIRECTORY_MAX = FILES_MAX * 400
# File systems allow 255 bytes for the name of a file; paths that are longer than this fail on Windows.
PART_MAX, PATH_MAX, PARTS_MAX = 255, 1_000, 16
CHUNK = 256 * 1024
ARCHIVE = "course.zip"
"""Stands for the whole archive where a problem is not about one of its files."""

# What zipfile raises for archives whose parts contradict each other.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, ValueError, OverflowError,
)  # fmt: skip
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1 | 0x40
# The earliest time that a zip archive can hold.
TIME = (1980, 1, 1, 0, 0, 0)
# Beside names that begin with a dot.
LEFT_OUT = frozenset({"__pycache__", "__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Packed:
    """An archive that `pack` has written: its SHA-256 digest in hexadecimal, its size in bytes, and how many files."""

    sha256: str
    bytes: int
    files: int


def pack(folder: Path, to: IO[bytes]) -> Packed:
    """Writes the files of a folder into `to` (open for writing and reading) as a zip archive. Equal folders give equal
    archives. Left out are names that begin with a dot, `__pycache__`, and what operating systems leave in folders.

    Raises:
        BundleErrors: `unpack` would refuse the archive, or something in the folder is no plain file.
    """
    found, problems = files_of(folder)
    problems += wrong_names(found)
    if not problems and (total := sum((folder / name).stat().st_size for name in found)) > BYTES_MAX:
        problems.append(_too_large(folder.name, total, BYTES_MAX))
    if problems:
        raise BundleErrors(problems)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in found:
            _add(archive, folder, name)
    size = to.seek(0, os.SEEK_END)
    if size > ARCHIVE_MAX:
        raise BundleErrors([_too_large(folder.name, size, ARCHIVE_MAX, "packed ")])
    return Packed(sha256_of(to), size, len(found))


def sha256_of(file: IO[bytes]) -> str:
    """Returns the SHA-256 digest of a whole file in hexadecimal. The file is then at its end."""
    file.seek(0)
    digest = hashlib.sha256()
    while data := file.read(CHUNK):
        digest.update(data)
    return digest.hexdigest()


def files_of(folder: Path) -> tuple[list[str], list[Problem]]:
    """The sorted names of the plain files in a folder, relative to it, and what is wrong with other things in it."""
    found: list[str] = []
    problems: list[Problem] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_left_out(name))
        for name in (*folders, *sorted(files)):
            path = Path(place) / name
            mode = path.lstat().st_mode
            if is_left_out(name) or stat.S_ISDIR(mode):
                continue
            rel = path.relative_to(folder).as_posix()
            found.append(rel)
            if not stat.S_ISREG(mode):
                what = "is a symbolic link" if stat.S_ISLNK(mode) else "is not a plain file"
                problems.append(Problem(_shown(rel), None, what, "put the file itself there, or move it elsewhere"))
        if len(found) > FILES_MAX:
            return found, [_too_many(folder.name)]
    return sorted(found), problems


def is_left_out(name: str) -> bool:
    """Says whether files and folders of this name are never packed."""
    return name.startswith(".") or name in LEFT_OUT


def _add(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, TIME)
    info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    with (folder / name).open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, CHUNK)


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Writes the files of a zip archive into `folder`, which must be empty or absent. Where all files lie in one top
    folder, that folder is left out. After an error, some files may have been written.

    Raises:
        BundleErrors: with everything that is wrong with the archive.
    """
    if (size := archive.seek(0, os.SEEK_END)) > ARCHIVE_MAX:
        raise BundleErrors([_too_large(ARCHIVE, size, ARCHIVE_MAX)])
    archive.seek(0)
    try:
        opened = zipfile.ZipFile(_Bounded(archive))
    except _TooManyEntries:
        raise BundleErrors([_too_many(ARCHIVE)]) from None
    except DAMAGED:
        raise BundleErrors([Problem(ARCHIVE, None, "is not a zip archive, or is damaged", "pack it again")]) from None
    with opened:
        _write(opened, folder)


def peek(archive: IO[bytes], wanted: Collection[str] = ()) -> tuple[list[str], dict[str, bytes]]:
    """Returns the sorted names of the files that `unpack` would write, and the contents of those of them in `wanted`.

    Only for an archive that `unpack` has taken before: nothing is checked again.
    """
    with zipfile.ZipFile(archive) as opened:
        kept = [entry for entry in opened.infolist() if _is_wanted(entry.filename)]
        top = _top_folder(kept)
        found = {entry.filename.removeprefix(top): entry for entry in kept}
        return sorted(found), {name: opened.read(found[name]) for name in wanted if name in found}


class _TooManyEntries(Exception):
    """The directory of an archive is larger than that of `FILES_MAX` files."""


class _Bounded:
    """An archive whose directory cannot be read at once if it is too large for `FILES_MAX` files."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(DIRECTORY_MAX + 1 if size < 0 else min(size, DIRECTORY_MAX + 1))
        if len(data) > DIRECTORY_MAX:
            raise _TooManyEntries
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET and offset < 0:
            raise ValueError("the archive's directory names a place before its start")
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True


def _write(archive: zipfile.ZipFile, folder: Path) -> None:
    entries = archive.infolist()
    if len(entries) > FILES_MAX:
        raise BundleErrors([_too_many(ARCHIVE)])
    problems = wrong_names(entry.filename for entry in entries)
    problems += [problem for entry in entries for problem in _entry_problems(entry)]
    kept = [entry for entry in entries if _is_wanted(entry.filename)]
    if (total := sum(entry.file_size for entry in kept)) > BYTES_MAX:
        problems.append(_too_large(ARCHIVE, total, BYTES_MAX))
    if not problems and not kept:
        problems.append(Problem(ARCHIVE, None, "holds no file", "pack the folder in which `course.yaml` lies"))
    if problems:
        raise BundleErrors(problems)
    top = _top_folder(kept)
    left = BYTES_MAX
    for entry in kept:
        try:
            left -= _extract(archive, entry, folder / entry.filename.removeprefix(top), left)
        except DAMAGED:
            problems.append(Problem(_shown(entry.filename), None, "is damaged in the archive", "pack it again"))
    if problems:
        raise BundleErrors(problems)


def _is_wanted(name: str) -> bool:
    return not name.endswith("/") and not any(map(is_left_out, name.split("/")))


def _entry_problems(entry: zipfile.ZipInfo) -> Iterator[Problem]:
    file, kind = _shown(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
    if "\0" in entry.orig_filename:
        yield Problem(file, None, "has a NUL character in its name", "give it another name")
    if entry.flag_bits & ENCRYPTED:
        yield Problem(file, None, "is encrypted", "pack it without a password")
    elif entry.compress_type not in METHODS:
        yield Problem(file, None, "is compressed by a method other than deflate", "pack it with `gradus course push`")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "is a symbolic link" if kind == stat.S_IFLNK else "is not a plain file"
        yield Problem(file, None, what, "put the file itself there, or leave it out")


def wrong_names(names: Iterable[str]) -> list[Problem]:
    """Returns the problems of an archive's names: a name that leaves the folder, or two names that some operating
    system takes for one. Names are relative to the folder, and those of folders end with a slash.
    """
    problems: list[Problem] = []
    spelled: dict[str, str] = {}
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        wrong = _fault(name.removesuffix("/"))
        if wrong is not None:
            problems.append(Problem(_shown(name), None, *wrong))
            continue
        *above, path = accumulate(name.removesuffix("/").split("/"), "{}/{}".format)
        folders.update([*above, path] if name.endswith("/") else above)
        if not name.endswith("/"):
            if path in files:
                problems.append(Problem(_shown(path), None, "is there twice", "leave one of them out"))
            files.add(path)
        for place in (*above, path):
            other = spelled.setdefault(unicodedata.normalize("NFC", place).casefold(), place)
            if other != place:
                what = f"differs from {_shown(other)} only in capitals or in the form of its characters"
                problems.append(Problem(_shown(place), None, what, "rename one: some systems take both for one"))
    for name in sorted(files & folders):
        problems.append(Problem(_shown(name), None, "is both a file and a folder", "rename one of them"))
    return problems


def _fault(name: str) -> tuple[str, str] | None:
    """Returns the problem of a single name and its cure, or None if the name is allowed."""
    parts = name.split("/")
    if name.startswith("/"):
        return "is an absolute path", "name it relative to the folder of the course"
    if ".." in parts:
        return "leaves the folder", "name it relative to the folder of the course, without `..`"
    if "\\" in name or ":" in name:
        return "has a backslash or a colon in its name", "use `/` between folders, and other characters in names"
    if not all(parts) or "." in parts:
        return "has an empty part in its path", "write exactly one `/` between folders"
    if any(white in name for white in "\t\r\n"):
        return "has a tab or a line break in its name", "rename it"
    if (char := unwanted(name, unseen=True)) is not None:
        return f"has the character {char} in its name, which cannot be seen or is not UTF-8", "rename it"
    if len(parts) > PARTS_MAX or len(name.encode()) > PATH_MAX or any(len(one.encode()) > PART_MAX for one in parts):
        return f"has too long a path: {PATH_MAX} bytes and {PARTS_MAX} folders are allowed", "shorten the names"
    return None


def _top_folder(kept: list[zipfile.ZipInfo]) -> str:
    """The folder, with a slash, in which all files of an archive lie; empty if `course.yaml` or others lie outside."""
    tops = {PurePosixPath(entry.filename).parts[0] for entry in kept}
    is_inside = len(tops) == 1 and all("/" in entry.filename for entry in kept)
    return f"{tops.pop()}/" if is_inside else ""


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Writes a file of at most `left` bytes. Returns its bytes. Raises `BundleErrors` at the first byte too many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    # "x" never opens a file that is there already, and so never follows a link.
    with archive.open(entry) as source, path.open("xb") as target:
        while data := source.read(CHUNK):
            size += len(data)
            if size > left:
                raise BundleErrors([_too_large(ARCHIVE, BYTES_MAX + size - left, BYTES_MAX)])
            target.write(data)
    return size


def _too_many(file: str) -> Problem:
    fix = "move what does not belong to the course elsewhere, or into a folder whose name begins with a dot"
    return Problem(file, None, f"has more than {FILES_MAX:,} files", fix)


def _too_large(file: str, size: int, most: int, packed: str = "") -> Problem:
    what = f"has {packed}{size:,} bytes; {most:,} are allowed"
    return Problem(file, None, what, "move what does not belong to the course elsewhere, or make it smaller")


def _shown(name: str) -> str:
    """A name as messages show it: what cannot be printed as an escape, and not longer than 200 characters."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name[:200])
    return shown or "a file without a name"
