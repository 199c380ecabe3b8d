"""How much of a payload is hidden material: for staff's eyes, since a refusal would tell who is in the hidden set."""

from __future__ import annotations

from challenges.bundle import ChallengeBundle
from challenges.kinds import registry as kinds
from challenges.payloads import Submitted
from challenges.texts import normal

# Shorter texts stand in other texts by chance.
WORDS_MIN = 4


def overlap(bundle: ChallengeBundle, payload: Submitted) -> int:
    """How many hidden texts (rows, or the author's graded answers) the payload contains; 0 for nearly everyone.

    A hidden text counts where it is one of the payload's inputs, and where it stands word for word in the payload's
    prose, such as the instructions. Case, white space and punctuation do not count.
    """
    kind = kinds.find(payload.kind)
    given = {normal(text) for text in kind.inputs(payload)}
    prose = normal(kind.prose(payload))
    return sum(_holds(given, prose, normal(text)) for text in kind.secrets(bundle.hidden, bundle.gold))


def _holds(given: set[str], prose: str, text: str) -> bool:
    # Both are looked at in every case, so that the time taken does not tell which held it.
    inside = len(text.split()) >= WORDS_MIN and f" {text} " in f" {prose} "
    return (text in given) | inside
