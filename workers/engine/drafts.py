"""Prompt-lookup drafts: tokens that may come next, copied from what followed the same tokens before.

Answers repeat the wording of their prompt, of themselves and of each other. A drafted token costs a token of a call
that is made anyway, and changes no answer, because only what the model says is kept (prompt lookup decoding, Saxena
2023; the check is that of speculative decoding, Leviathan et al. 2023, arXiv 2211.17192, for greedy decoding).
"""

from __future__ import annotations

LONG_MATCH, SHORT_MATCH = 6, 3
"""Tokens that have to be the same. After six, nine drafted tokens in ten are right; after three, seven or eight."""
DRAFT_TOKENS = 5
"""The longest draft."""
LONG_MATCH_CALL_TOKENS, SHORT_MATCH_CALL_TOKENS = 192, 64
"""A call of so many tokens gets no more drafts. In a small call a token costs a third of what it costs in a large one,
in which matrix products use the machine fully."""


class PromptLookup:
    """An index of the newest place where each run of `LONG_MATCH` and of `SHORT_MATCH` tokens stands."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], tuple[list[int], int]] = {}

    def index(self, text: list[int], since: int = 0) -> None:
        """Adds the token ids of `text`, of which the first `since` are in the index. `text` may grow afterwards."""
        for order in (LONG_MATCH, SHORT_MATCH):
            for at in range(max(since, order), len(text)):
                self._places[tuple(text[at - order : at])] = (text, at)

    def draft(self, text: list[int], most: int, order: int) -> list[int]:
        """At most `most` tokens that followed the last `order` tokens of `text` before; `order` is one of the two."""
        place = self._places.get(tuple(text[-order:]))
        if place is None:
            return []
        other, at = place
        return other[at : at + max(0, most)]
