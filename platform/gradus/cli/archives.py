"""Sends the folder of a course to the site, part by part, and puts a downloaded one into a folder."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from filecmp import cmp
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

import typer

from challenges.authoring.archive import Packed, is_left_out, pack, unpack
from challenges.files.source import Source
from challenges.files.writing import write_whole
from challenges.reading import BundleErrors, read_course
from gradus.cli import client
from gradus.cli.client import UNREACHABLE, WRONG_NAME, Api, Failure

# A part that does not arrive in time is sent again in halves, down to the least that the site takes.
PART_SECONDS, PART_MIN = 110.0, 256 * 1024
# The site reads and checks the whole course before it answers.
PUSH_SECONDS = 600.0
TRIES = 5
WAIT_SECONDS = 1.0
# What the site says while another push of this upload is under way, or after one that was under way has ended.
UNDER_WAY, ENDED, AWAY = ("busy",), ("upload_ended", "not_found"), ("too_slow", "unavailable")
Told = Callable[[int, int], None]


def course_of(folder: Path, given: str = "") -> str:
    """Returns the id of the course in a folder, unless one was given. Raises `Failure` if there is none."""
    return given or _of_course(folder, "id")


def version_of(folder: Path) -> str:
    """Returns the version number of the course in a folder. Raises `Failure` if there is none."""
    return _of_course(folder, "version")


def _of_course(folder: Path, key: str) -> str:
    if not (folder / "course.yaml").is_file():
        told = f"{folder}: there is no course.yaml in it. Name the folder of a course, or give --course ID."
        raise Failure(told, WRONG_NAME)
    source = Source(folder)
    located = source.yaml("course.yaml")
    found = located.data.get(key) if located else None
    if not isinstance(found, str) or not found:
        told = f"{folder / 'course.yaml'}: there is no `{key}` that can be read. Correct it."
        raise Failure(told, problems=tuple(map(str, source.problems)))
    return found


def digest_of(folder: Path) -> str:
    """Returns the digest of the course in a folder, or an empty text if the folder cannot be read as a course."""
    try:
        return read_course(folder).digest
    except BundleErrors:
        return ""


@contextmanager
def packed(folder: Path) -> Iterator[tuple[IO[bytes], Packed]]:
    """Yields the archive of a folder as a temporary file. Raises `Failure` with all that cannot be packed."""
    with TemporaryFile() as archive:
        try:
            found = pack(folder, archive)
        except BundleErrors as errors:
            details = tuple(asdict(one) for one in errors.problems)
            told = f"{folder}: cannot be packed."
            raise Failure(told, problems=tuple(map(str, errors.problems)), details=details) from None
        yield archive, found


def push(api: Api, course: str, archive: IO[bytes], found: Packed, given: dict[str, Any], told: Told) -> Any:
    """Uploads an archive, or what is missing of it, and pushes it with the options `given`. Returns the version.

    A connection that breaks is tried again. So nothing is lost where only the site's answer was. `told` gets the bytes
    that have arrived and all bytes.
    """
    for tries in range(1, TRIES + 1):
        upload = _sent(api, course, archive, found, told)
        try:
            return api.post(f"uploads/{upload}/push", given, seconds=PUSH_SECONDS)
        except Failure as failure:
            again = failure.code == UNREACHABLE or failure.reason in (*UNDER_WAY, *ENDED, *AWAY)
            if not again or tries == TRIES:
                raise
            _wait(tries, failure.retry_after)
    raise AssertionError


def _sent(api: Api, course: str, archive: IO[bytes], found: Packed, told: Told) -> str:
    """Uploads an archive from where an earlier try broke off. Returns the id of the upload."""
    upload = _begun(api, course, found)
    size, failed = upload["chunk_bytes"], 0
    while upload["offset"] < upload["bytes"]:
        told(upload["offset"], upload["bytes"])
        archive.seek(upload["offset"])
        try:
            upload = api.put_octets(f"uploads/{upload['id']}/{upload['offset']}", archive.read(size), PART_SECONDS)
            failed = 0
        except Failure as failure:
            if failure.reason == "wrong_offset":
                upload = api.get(f"uploads/{upload['id']}")
                continue
            failed += 1
            if failed == TRIES or not (failure.code == UNREACHABLE or failure.reason in (*AWAY, *ENDED)):
                raise
            size = max(size // 2, PART_MIN)
            _wait(failed, failure.retry_after)
            upload = _begun(api, course, found)
    told(upload["bytes"], upload["bytes"])
    return str(upload["id"])


def _begun(api: Api, course: str, found: Packed) -> Any:
    """Begins an upload, or finds the open one of the same archive. Tried again, because the second finds the first."""
    for tries in range(1, TRIES + 1):
        try:
            return api.post(f"courses/{course}/uploads", {"bytes": found.bytes, "sha256": found.sha256})
        except Failure as failure:
            if failure.code != UNREACHABLE or tries == TRIES:
                raise
            _wait(tries)
    raise AssertionError


def _wait(tries: int, seconds: float | None = None) -> None:
    time.sleep(WAIT_SECONDS * 2 ** (tries - 1) if seconds is None else seconds)


@dataclass
class Seen:
    """What the author of a folder saw last of its course: the digests of what was live, of her folder as an archive,
    and of the draft.
    """

    live: str = ""
    sha256: str = ""
    draft: str = ""

    @classmethod
    def of(cls, api: Api, course: str, folder: Path) -> Seen:
        """Reads what was noted for this folder on this machine; nothing where none was, as in a fresh checkout."""
        kept = _noted().get(_key(api, course, folder), {})
        return cls(**kept) if isinstance(kept, dict) and kept.keys() <= {"live", "sha256", "draft"} else cls()

    def note(self, api: Api, course: str, folder: Path) -> None:
        """Writes this down beside the configuration, so that no file in the folder of the course is needed.

        The site has done its work already, so a machine on which nothing can be written gets a warning only.
        """
        file = _file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = {**_noted(), _key(api, course, folder): asdict(self)}
            write_whole(file, json.dumps(kept, indent=1).encode())
        except OSError as error:
            told = f"{file}: cannot be written ({error.strerror}), so the next push does not know what you have seen."
            typer.echo(f"warning: {told}", err=True)


def _file() -> Path:
    return client.path().with_name("courses.json")


def _key(api: Api, course: str, folder: Path) -> str:
    return f"{api.config.url} {course} {folder.resolve()}"


def _noted() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def replace(folder: Path, archive: IO[bytes], *, known: str, force: bool) -> tuple[list[str], list[str], str]:
    """Puts the files of an archive into a folder. Files that only the folder has stay.

    `known` is the digest of the folder's archive when it was last pushed or pulled. Returns the files that were
    written, those that only the folder has, and the digest of the folder's archive now.

    Raises:
        Failure: the archive is damaged, a file cannot be written, a link or another kind of file stands where one
            belongs, or the folder has changed since, unless `force` says to overwrite it.
    """
    parent = folder.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=parent, prefix=".gradus-") as place:
            new = Path(place) / "course"
            unpack(archive, new)
            mine, theirs = _contents(folder), _contents(new)
            changed = [name for name in sorted(theirs.keys() & mine.keys()) if not cmp(mine[name], theirs[name], False)]
            if changed and not force and not (known and _sha256(folder) == known):
                told = f"{folder} has changes of its own, and nothing was written. --force overwrites these files:"
                raise Failure(told, problems=tuple(changed))
            written = [*changed, *sorted(theirs.keys() - mine.keys())]
            if in_the_way := sorted({one for name in written if (one := _in_the_way(folder, name))}):
                told = f"{folder}: nothing was written. These are of another kind in the course, move them away:"
                raise Failure(told, problems=tuple(in_the_way))
            for name in written:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(theirs[name], folder / name)
    except BundleErrors as errors:
        raise Failure("The archive cannot be unpacked.", problems=tuple(map(str, errors.problems))) from None
    except OSError as error:
        raise Failure(f"{error.filename or folder}: cannot be written ({error.strerror}).") from None
    return written, sorted(mine.keys() - theirs.keys()), _sha256(folder)


def _in_the_way(folder: Path, name: str) -> str:
    """What stands where a file of an archive belongs and is neither a file nor a folder as in the archive, or ""."""
    *above, last = name.split("/")
    place = folder
    for part in above:
        place /= part
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            return place.relative_to(folder).as_posix()
    place /= last
    is_other = os.path.lexists(place) and (place.is_symlink() or not place.is_file())
    return name if is_other else ""


def _contents(folder: Path) -> dict[str, Path]:
    """The files of a folder by their names relative to it, without those that are never packed."""
    named = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in named.items() if not any(map(is_left_out, name.split("/")))}


def _sha256(folder: Path) -> str:
    """The digest of a folder's archive, empty if the folder cannot be packed."""
    try:
        with packed(folder) as (_archive, found):
            return found.sha256
    except Failure:
        return ""
