"""Writes rows of one number of characters and of any of some numbers of tokens of the built-in model."""

from __future__ import annotations

import random
from pathlib import Path

from tests.challenges import factory

CHARACTERS = 160
# Each is one token together with the space before it, and has nine characters with it. A digit is always a token.
WORDS = ("mountain", "building", "children", "pressure", "research", "movement", "practice", "remember")


def row(tokens: int, seed: str) -> str:
    """`tokens` tokens in 160 characters: digits, and then words. `tokens` is 160 less a multiple of eight."""
    chance = random.Random(seed)
    words = (CHARACTERS - tokens) // (len(WORDS[0]))
    digits = "".join(chance.choices("0123456789", k=tokens - words))
    return digits + "".join(f" {word}" for word in chance.choices(WORDS, k=words))


def write_challenge(root: Path, *, public: int, hidden: int, rows: tuple[int, int] = (4, 8)) -> Path:
    """A label challenge whose public and hidden rows have so many tokens each; `rows` says how many rows there are."""
    factory.write_prompt_challenge(root)
    for name, tokens, count in (("public", public, rows[0]), ("hidden", hidden, rows[1])):
        found = [
            {
                "id": f"{name}{n}",
                "input": row(tokens, f"{name} {tokens} {n}"),
                "target": factory.LABELS[n % len(factory.LABELS)],
            }
            for n in range(count)
        ]
        factory.write_rows(root / f"{name}.jsonl", found)
    return root
