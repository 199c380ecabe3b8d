"""Characters that have no place in a prompt, a row or an answer."""

from __future__ import annotations

import re

# C0 but tab and line breaks, DEL, C1, lone surrogates: broken text wherever it stands.
BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Bidirectional overrides and isolates, zero-width and tag characters: a person cannot see them but a model reads them.
# The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
UNSEEN = re.compile("[\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
# What a decoder puts in the place of bytes that it cannot read: the text was damaged on its way.
REPLACED = re.compile("\ufffd")


def is_broken(text: str) -> bool:
    """Says whether `text` holds a control character or a lone surrogate."""
    return BROKEN.search(text) is not None


def unwanted(text: str, *, unseen: bool) -> str | None:
    """An unwanted character as `U+XXXX`, or None. With `unseen`, what cannot be seen counts as well."""
    found = BROKEN.search(text) or (UNSEEN.search(text) if unseen else None) or REPLACED.search(text)
    return f"U+{ord(found.group()):04X}" if found else None
