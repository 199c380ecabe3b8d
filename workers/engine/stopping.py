"""When a generated text is complete."""

from __future__ import annotations

from collections.abc import Sequence

from graders.parsing import first_object_end

JSON = "json"


class Stop:
    """Where a text ends: before the first stop string; for the item `json`, after the JSON object that graders read."""

    def __init__(self, items: Sequence[str]) -> None:
        self.strings = tuple(item for item in items if item != JSON)
        self.json = JSON in items

    def end(self, text: str) -> int | None:
        """Number of characters of `text` to keep, or None where it goes on."""
        ends = [at for at in (text.find(string) for string in self.strings) if at >= 0]
        if self.json and (closed := first_object_end(text)) is not None:
            ends.append(closed)
        return min(ends, default=None)
