"""Decides which characters a text may hold, for forms, API bodies, addresses, files and bundles alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from challenges.translation import gettext

# C0 but tab and line breaks, DEL, C1, lone surrogates: broken text wherever it stands, so no text that enters may
# hold them. NUL and lone surrogates are also what PostgreSQL cannot store.
BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Bidirectional overrides and isolates, zero-width and tag characters: a person cannot see them but a model reads them.
# The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
UNSEEN = re.compile("[\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
# What a decoder puts in the place of bytes that it cannot read: the text was damaged on its way.
REPLACED = re.compile("\ufffd")


def is_broken(text: str) -> bool:
    """Says whether `text` holds a control character or a lone surrogate."""
    return BROKEN.search(text) is not None


def broken(text: str) -> str | None:
    """Names the first character of `text` that is refused, as part of a sentence; None where every one is allowed."""
    match = BROKEN.search(text)
    if match is None:
        return None
    if "\ud800" <= match.group() <= "\udfff":
        said = gettext("character %(place)s is %(code)s, one half of a surrogate pair")
    else:
        said = gettext("character %(place)s is %(code)s, a control character")
    return said % {"place": f"{match.start() + 1:,}", "code": f"U+{ord(match.group()):04X}"}


def as_sentence(wrong: str) -> str:
    """What `broken` says, as a sentence for the person who typed the text."""
    return gettext("%(problem)s: remove it.") % {"problem": wrong[0].upper() + wrong[1:]}


def broken_texts(value: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Each broken text within a JSON value: its path of keys and indices, and what `broken` says of it.

    A broken key is reported with the path of the object that holds it. Recursion is not used, so that no depth of
    nesting can exhaust the stack.
    """
    stack: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict):
            stack += [(path, key) for key in item if isinstance(key, str)]
            stack += [((*path, key), inner) for key, inner in item.items()]
        elif isinstance(item, list | tuple):
            stack += [((*path, index), inner) for index, inner in enumerate(item)]
        elif isinstance(item, str) and (said := broken(item)) is not None:
            yield path, said


def cleaned(value: Any) -> Any:
    """A text or JSON value that a machine wrote, with U+FFFD in the place of each character that may not enter.

    A model or a judge cannot be asked to correct what it wrote, and its grade must still be stored.
    """
    if isinstance(value, str):
        return BROKEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(inner) for inner in value]
    return value


def unwanted(text: str, *, unseen: bool) -> str | None:
    """An unwanted character as `U+XXXX`, or None. With `unseen`, what cannot be seen counts as well."""
    match = BROKEN.search(text) or (UNSEEN.search(text) if unseen else None) or REPLACED.search(text)
    return f"U+{ord(match.group()):04X}" if match else None
