"""How much of a payload is hidden material: for staff's eyes, since a refusal would tell who is in the hidden set."""

from __future__ import annotations

from collections.abc import Iterable

from challenges.bundle import ChallengeBundle
from challenges.payloads import FreeTextPayload, LoraPayload, PromptPayload
from challenges.texts import normal

# Shorter texts stand in other texts by chance.
WORDS_MIN = 4


def inputs(payload: PromptPayload | LoraPayload | FreeTextPayload) -> Iterable[str]:
    """The inputs that a payload shows to the model; none for free text."""
    if isinstance(payload, PromptPayload):
        return [example.input for example in payload.examples]
    return [row.input for row in payload.rows] if isinstance(payload, LoraPayload) else []


def overlap(bundle: ChallengeBundle, payload: PromptPayload | LoraPayload | FreeTextPayload) -> int:
    """How many hidden rows, or for free text how many gold answers, the payload holds; 0 for nearly everyone.

    A row counts where its input is one of the payload's, and where it stands word for word in a longer text such as
    the instructions. Case, white space and punctuation do not count.
    """
    given = {normal(text) for text in inputs(payload)}
    long = normal(payload.answer if isinstance(payload, FreeTextPayload) else payload.instructions)
    secret = [row.answer for row in bundle.gold] if isinstance(payload, FreeTextPayload) else _hidden(bundle)
    return sum(_holds(given, long, normal(text)) for text in secret)


def _hidden(bundle: ChallengeBundle) -> list[str]:
    return [sample.input for sample in bundle.hidden]


def _holds(given: set[str], long: str, text: str) -> bool:
    # Both are looked at in every case, so that the time taken does not tell which held it.
    inside = len(text.split()) >= WORDS_MIN and f" {text} " in f" {long} "
    return (text in given) | inside
