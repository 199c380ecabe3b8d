"""Decodes the bytes of a file as UTF-8, and says in which other encoding they seem to be."""

from __future__ import annotations

import codecs

from challenges.characters import broken
from challenges.problems import Problem
from challenges.translation import gettext

PROBLEMS_MAX = 10
# The first bytes of files that are no text.
SIGNATURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"PK\x03\x04": "ZIP",
    b"%PDF": "PDF",
    b"\x1f\x8b": "gzip",
    b"PAR1": "Parquet",
}


def other_encoding(data: bytes) -> tuple[str, str] | None:
    """Returns the problem and its cure if a file is not text in UTF-8, such as UTF-16 or an image; otherwise None."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _has_every_second_zero(data[:400]):
        return gettext("the file is UTF-16"), gettext("save the file as UTF-8")
    name = next((name for first, name in SIGNATURES.items() if data.startswith(first)), None)
    if name is not None:
        return gettext("the file is not text but %(format)s") % {"format": name}, gettext("put a text file there")
    return None


def _has_every_second_zero(data: bytes) -> bool:
    """Returns True if the bytes look like UTF-16 without a byte order mark: every second byte is mostly zero."""
    return len(data) >= 8 and any(3 * data[start::2].count(0) > 2 * len(data[start::2]) for start in (0, 1))


def decoded(data: bytes) -> tuple[str | None, list[Problem]]:
    """The text of a file in UTF-8, and its problems without a file; no text where it is not UTF-8 at all.

    A byte order mark is left out.
    """
    wrong = other_encoding(data)
    if wrong is not None:
        return None, [Problem("", 1, *wrong)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return None, [Problem("", line, "is not UTF-8", "save the file as UTF-8")]
    found = ((number, broken(line)) for number, line in enumerate(text.split("\n"), 1))
    problems = [Problem("", number, wrong, "remove it") for number, wrong in found if wrong is not None]
    return text, problems[:PROBLEMS_MAX]
