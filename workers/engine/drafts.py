"""Guesses at the next tokens of a text, from what followed the same tokens before.

Answers repeat their prompt's wording, their own and each other's. A guess costs a token of a call that is made anyway
and changes no answer: only what the model says itself is kept (prompt lookup decoding, Saxena 2023; the check is that
of speculative decoding, Leviathan et al. 2023, arXiv 2211.17192, for greedy answers).
"""

from __future__ import annotations

SURE, UNSURE = 6, 3
"""Tokens that have to be the same. After six, nine guessed tokens in ten are right; after three, seven or eight."""
LONGEST = 5
"""Tokens of a guess."""
SURE_CALL, UNSURE_CALL = 192, 64
"""Tokens of a call from which no guess is added. In a small one a token costs a third of what it costs in a large one,
where products are as busy as they get."""


class Guesses:
    """Remembers the newest place of each run of `SURE` and of `UNSURE` tokens."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], tuple[list[int], int]] = {}

    def learn(self, text: list[int], since: int = 0) -> None:
        """Remembers what follows in `text`, of which the first `since` tokens are known. It may grow afterwards."""
        for order in (SURE, UNSURE):
            for at in range(max(since, order), len(text)):
                self._places[tuple(text[at - order : at])] = (text, at)

    def after(self, text: list[int], most: int, order: int) -> list[int]:
        """At most `most` tokens that may follow `text`, by its last `order`, which is one of the two."""
        found = self._places.get(tuple(text[-order:]))
        if found is None:
            return []
        other, at = found
        return other[at : at + max(0, most)]
