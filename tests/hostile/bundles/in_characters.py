"""Files in another encoding, and characters that nobody sees."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from tests.hostile.bundles.breaking import Break, Broken, append, both, recode, row, swap
from tests.hostile.bundles.course import CHALLENGE, LIBRARY, SECRET

SPEC = f"{CHALLENGE}/challenge.yaml"
PUBLIC, HIDDEN = f"{CHALLENGE}/public.jsonl", f"{CHALLENGE}/hidden.jsonl"
TEXT = "first/lesson.md"


def utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


def latin1(data: bytes) -> bytes:
    return data.decode().replace("are above", "\xe9taient").replace("a wave", "une \xe9cume").encode("latin-1")


def with_nul(data: bytes) -> bytes:
    return data.replace(b"are", b"a\0re", 1).replace(b"wave", b"wa\0ve", 1).replace(b"Sea or", b"Sea\0 or", 1)


def written_apart(file: str, name: str) -> Break:
    """Names a file in NFC that lies on the disk in NFD, as an old macOS writes it."""

    def breaks(root: Path) -> None:
        path = root / file
        path.rename(path.with_name(unicodedata.normalize("NFD", name)))

    return breaks


CASES = (
    Broken("UTF-16, course.yaml", recode("course.yaml", utf16), "course.yaml", 1),
    Broken("UTF-16, lesson.md", recode(TEXT, utf16), TEXT, 1),
    Broken("UTF-16, rows", recode(HIDDEN, utf16), HIDDEN, 1),
    Broken("Latin-1, lesson.md", recode(TEXT, latin1), TEXT, 3),
    Broken("Latin-1, rows", recode(PUBLIC, latin1), PUBLIC, 1),
    Broken("a byte order mark before the rows", recode(PUBLIC, lambda data: b"\xef\xbb\xbf" + data), PUBLIC, 1),
    Broken("NUL, challenge.yaml", recode(SPEC, with_nul), SPEC, 6),
    Broken("NUL, lesson.md", recode(TEXT, lambda data: data.replace(b"are", b"a\0re", 1)), TEXT, 3),
    Broken("NUL, rows", recode(PUBLIC, with_nul), PUBLIC, 1),
    Broken("half a character in JSON", swap(PUBLIC, "wave", r"\ud83d wave"), PUBLIC, 1),
    Broken("half a character in a hidden row", swap(HIDDEN, SECRET, rf"\udc00 {SECRET}"), HIDDEN, 1),
    Broken("half a character in YAML", swap(SPEC, "title: Sea or sky", r'title: "Sea \ud800"'), SPEC, 6),
    Broken("line ends of an old Mac", recode(PUBLIC, lambda data: data.replace(b"\n", b"\r")), PUBLIC, 1),
    Broken("a no-break space in front of a key", swap(SPEC, "pass: 0.60", "\u00a0pass: 0.60"), SPEC, 15, most=2),
    Broken("a no-break space behind a label", swap(SPEC, "[sea, sky]", "[sea\u00a0, sky]"), SPEC, 10, most=5),
    Broken(
        "a no-break space in a label",
        both(swap(SPEC, "[sea, sky]", "[open\u00a0sea, sky]"), row(PUBLIC, 1, target="open sea")),
        PUBLIC,
        1,
        most=13,
    ),
    Broken("a zero-width space in a label", swap(SPEC, "[sea, sky]", "[sea\u200b, sky]"), SPEC, 10, most=5),
    Broken("a zero-width space in a row's id", row(PUBLIC, 1, id="p0\u200b-sea"), PUBLIC, 1),
    Broken("a zero-width space in a hidden input", row(HIDDEN, 2, input=f"a comet\u200b over the {SECRET}"), HIDDEN, 2),
    Broken(
        "text that runs backwards in a document",
        append(f"{LIBRARY}/documents/cards.md", "\u202etxt.exe\n"),
        f"{LIBRARY}/documents/cards.md",
        None,
    ),
    Broken(
        "a file's name in another normal form",
        both(
            written_apart(f"{CHALLENGE}/train.jsonl", "tr\u00e4in.jsonl"),
            swap(f"{CHALLENGE}/baselines/lora.yaml", "../train.jsonl", "../tr\u00e4in.jsonl"),
        ),
        f"{CHALLENGE}/baselines/lora.yaml",
        2,
        most=2,
    ),
    Broken(
        "a folder's name in another normal form",
        both(
            written_apart(f"{LIBRARY}/documents", "b\u00fccher"),
            swap(f"{LIBRARY}/challenge.yaml", "corpus: documents/", "corpus: b\u00fccher/"),
        ),
        f"{LIBRARY}/challenge.yaml",
        7,
        most=9,
    ),
)
