"""Characters that have no place in a prompt, a row or an answer."""

from __future__ import annotations

import re

# C0 but tab and line breaks, DEL, C1, lone surrogates: broken text wherever it stands.
BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Bidirectional overrides and isolates, and tag characters: text that a person cannot see but a model reads.
UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def is_broken(text: str) -> bool:
    """Says whether `text` holds a control character or a lone surrogate."""
    return BROKEN.search(text) is not None


def unwanted(text: str, *, unseen: bool) -> str | None:
    """The first unwanted character as `U+XXXX`, or None. With `unseen`, bidi controls and tags count as well."""
    found = BROKEN.search(text) or (UNSEEN.search(text) if unseen else None)
    return f"U+{ord(found.group()):04X}" if found else None
