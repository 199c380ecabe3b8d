"""Archives that cannot be unpacked: names that leave the folder, links, bombs, and files that are no archive."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from challenges.authoring.archive import pack


@dataclass(frozen=True)
class BrokenArchive:
    """One way to break the archive of the course, whose bytes `breaks` gets and returns.

    The message names `file`; its words stand in `docs/authors/messages.md`, in the row of that name.
    """

    name: str
    breaks: Callable[[bytes], bytes]
    file: str

    def __str__(self) -> str:
        return self.name


def packed(root: Path) -> bytes:
    """The archive of a folder."""
    made = io.BytesIO()
    pack(root, made)
    return made.getvalue()


def adding(name: str, content: bytes = b"text", **attributes: int) -> Callable[[bytes], bytes]:
    """Adds an entry."""

    def breaks(data: bytes) -> bytes:
        made = io.BytesIO(data)
        with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, content)
        return made.getvalue()

    return breaks


def renaming(change: Callable[[str], list[str]]) -> Callable[[bytes], bytes]:
    """Writes each file under each name that `change` gives for it."""

    def breaks(data: bytes) -> bytes:
        made = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
            warnings.simplefilter("ignore", UserWarning)
            for entry in old.infolist():
                for name in change(entry.filename):
                    info = zipfile.ZipInfo()
                    # As the constructor does not take it: with a backslash, for instance.
                    info.filename = name
                    new.writestr(info, old.read(entry), zipfile.ZIP_DEFLATED)
        return made.getvalue()

    return breaks


def encrypted(data: bytes) -> bytes:
    """Marks the first entry as encrypted, in its own header and in the directory."""
    made = bytearray(data)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = made.index(signature) + place
        made[at] |= 1
    return bytes(made)


def claiming(size: int) -> Callable[[bytes], bytes]:
    """An entry whose size in the directory is another one than it has."""

    def breaks(data: bytes) -> bytes:
        made = bytearray(adding("first/zeros.md", b"\0" * 1_000_000)(data))
        at = made.rindex(b"PK\x01\x02") + 24
        made[at : at + 4] = struct.pack("<I", size)
        return bytes(made)

    return breaks


def zeros(data: bytes) -> bytes:
    """Twenty entries of 500 MB of zeros each, which are compressed once."""
    once = io.BytesIO()
    with zipfile.ZipFile(once, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("z", "w") as target:
        for _ in range(500):
            target.write(bytes(1_000_000))
    return _shared(once.getvalue(), 20)


def _shared(whole: bytes, count: int) -> bytes:
    """An archive with so many entries that share the data of its one entry."""
    directory_at, end_at = whole.rindex(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")
    local, entry = whole[:directory_at], bytearray(whole[directory_at:end_at])
    entries = b""
    for number in range(count):
        entry[46:47] = bytes([ord("a") + number])
        entries += bytes(entry)
    end = bytearray(whole[end_at:])
    end[8:20] = struct.pack("<HHII", count, count, len(entries), len(local))
    return local + entries + bytes(end)


def empty_files(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.md", b"")
    return made.getvalue()


ARCHIVE = "course.zip"
LINK = (stat.S_IFLNK | 0o777) << 16
CASES = (
    BrokenArchive("a name with ..", adding("../../secret.md"), "../../secret.md"),
    BrokenArchive("an absolute name", adding("/etc/cron.d/x"), "/etc/cron.d/x"),
    BrokenArchive("a drive's letter", adding("C:/windows/x"), "C:/windows/x"),
    BrokenArchive("backslashes", renaming(lambda name: [name.replace("/", "\\")]), "first\\assets\\coast.svg"),
    BrokenArchive("a link", adding("first/link.md", b"/etc/passwd", external_attr=LINK), "first/link.md"),
    BrokenArchive("a device", adding("first/tty", b"", external_attr=(stat.S_IFCHR | 0o666) << 16), "first/tty"),
    BrokenArchive("10 GB of zeros", zeros, ARCHIVE),
    BrokenArchive("a file that is larger than it says", claiming(10), "first/zeros.md"),
    BrokenArchive("encrypted", encrypted, "course.yaml"),
    BrokenArchive("cut off", lambda data: data[: len(data) // 2], ARCHIVE),
    BrokenArchive("a flipped byte", lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:], "course.yaml"),
    BrokenArchive("not an archive", lambda data: b"schema: 1\n", ARCHIVE),
    BrokenArchive("nothing at all", lambda data: b"", ARCHIVE),
    BrokenArchive("no file in it", renaming(lambda name: []), ARCHIVE),
    BrokenArchive("100,000 empty files", empty_files, ARCHIVE),
    BrokenArchive(
        "a name twice", renaming(lambda name: [name, name] if name == "course.yaml" else [name]), "course.yaml"
    ),
    BrokenArchive("names that differ in capitals", adding("Course.yaml"), "Course.yaml"),
    BrokenArchive(
        "names in two normal forms",
        lambda data: adding("first/e\u0301.md")(adding("first/\u00e9.md")(data)),
        "first/e\u0301.md",
    ),
    BrokenArchive("a file that is a folder too", adding("first/lesson.md/x"), "first/lesson.md"),
    BrokenArchive(
        "an archive in the archive", lambda data: adding("course.zip", data)(renaming(lambda name: [])(data)), "."
    ),
)
"""What `unpack` refuses; the last one unpacks, and what is in it is no course."""
ACCEPTED: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "a folder around the course": renaming(lambda name: [f"my-course/{name}"]),
    "what macOS adds": adding("__MACOSX/._course.yaml"),
    "what Windows adds": adding("first/Thumbs.db"),
}
