"""Schemas of pairs of answers, and of choices between them."""

from typing import Literal

from ninja import Schema
from pydantic import Field

CHOSEN = "1 or 2: the first or the second of `answers`; 0: neither"


class PairOut(Schema):
    """Two answers to one prompt, in the order in which this caller is shown them."""

    id: str
    prompt: str
    answers: list[str]
    shown: str = Field(description="Stands for exactly these texts in this order; send it with the choice")
    chosen: int | None = Field(description=f"{CHOSEN}; null: not chosen yet")


class PairsOut(Schema):
    wanted: int = Field(description="How many choices the challenge asks for")
    chosen: int = Field(description="How many of the pairs have a chosen answer")
    pairs: list[PairOut]


class ChoiceIn(Schema):
    id: str = Field(max_length=64)
    shown: str = Field(max_length=16)
    chosen: Literal[0, 1, 2] = Field(description=CHOSEN)
