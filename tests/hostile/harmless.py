"""Text that only looks hostile: by design the site accepts it, grades it, and shows it escaped."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile import texts
from tests.hostile.case import Case, answer, lora, prompt, row
from tests.hostile.prompts import ENOUGH

TAKEN = {"web_end": "taken", "api_end": "taken"}
PATHS = ["../../../../etc/passwd", "..\\..\\..\\rows.jsonl", "rows.jsonl\x00.py", "%2e%2e%2frows.jsonl"]
PATHS += ["x" * 300 + ".jsonl", "<script>alert(1)</script>.jsonl", "rows.jsonl; touch x", "$(touch x).jsonl"]
PATHS += ["rows\u202elnosj.exe", "\u2215etc\u2215passwd", "adapter_config.json"]


def in_text(category: str, found: list[str]) -> Iterator[Case]:
    for number, text in enumerate(found):
        yield prompt(category, f"{category} {number} in instructions", instructions=text, mark=text, **TAKEN)
        yield answer(category, f"{category} {number} in an answer", f"{ENOUGH} {text}", mark=text, **TAKEN)


def unseen_in_answers() -> Iterator[Case]:
    """Bidirectional controls, zero-width characters, tags and control tokens in a free-text answer."""
    for text in (*texts.UNSEEN, *texts.TAGS, *texts.SPECIAL):
        name = f"{ord(text[0]):04x}.{len(text)}"
        yield answer("unseen characters in answers", name, f"{ENOUGH} a{text}b", mark=f"a{text}b", **TAKEN)


def file_names() -> Iterator[Case]:
    """Hostile names of uploaded files, which are never used."""
    for number, name in enumerate(PATHS):
        data = row(f"a heron {number}")
        yield lora("file names", f"name {number}", data, file_name=name, mark=f"a heron {number}", **TAKEN)


def cases() -> Iterator[Case]:
    yield from in_text("HTML and scripts", texts.HTML)
    yield from in_text("template syntax", texts.TEMPLATES)
    yield from in_text("injections", texts.INJECTIONS)
    yield from in_text("Unicode", texts.UNICODE)
    yield from unseen_in_answers()
    yield from file_names()
