"""When a generated text is complete."""

from __future__ import annotations

from collections.abc import Sequence

JSON = "json"


class Stop:
    """Where a text ends: before the first stop string or, for the item `json`, after the first JSON object."""

    def __init__(self, items: Sequence[str]) -> None:
        self.strings = tuple(item for item in items if item != JSON)
        self.json = JSON in items

    def end(self, text: str) -> int | None:
        """Number of characters of `text` to keep, or None where it goes on."""
        ends = [at for at in (text.find(string) for string in self.strings) if at >= 0]
        if self.json and (closed := object_end(text)) is not None:
            ends.append(closed)
        return min(ends, default=None)


def object_end(text: str) -> int | None:
    """Index after the first top-level `{...}`; braces inside JSON strings do not count."""
    depth, quoted, escaped = 0, False, False
    for at, char in enumerate(text):
        if depth and quoted:
            quoted, escaped = escaped or char != '"', char == "\\" and not escaped
        elif depth and char == '"':
            quoted = True
        elif char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                return at + 1
    return None
