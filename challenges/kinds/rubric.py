"""The keys of `challenge.yaml` that a question in free text has: its rubric, and what a judge of it must reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from challenges.rows import GoldAnswer
from challenges.spec import Challenge, Keys, Share, Slug, Spec, Text

GATE_ANSWERS = 40
# At most so many rows of a run are quoted.
QUOTED_MAX = 5


def marks_missing(gold: Iterable[GoldAnswer]) -> int:
    """How many more marked answers with the role calibration a judge's gate needs. Until then a question is in pilot
    mode: people grade all answers.
    """
    return max(0, GATE_ANSWERS - sum(row.role == "calibration" for row in gold))


"""The least number of marked answers with the role `calibration` with which a gate can open."""
GATE_RULES = 2
"""The number of the rules by which a calibration report says whether the gate is open. A report by earlier rules opens
no gate: those of versions 0.2 and 0.3, number 1, did not ask whether the judge alone withstands attacks, nor whether
final grades are right.
"""
RIGHT_WITHIN = 0.10
"""A final grade is right if its score is at most this far from a person's, as a share of all points."""


class Criterion(Spec):
    """One thing a good answer does. `text` and the phrases are for graders; learners see `label`."""

    id: Slug
    points: int = Field(ge=1, le=100)
    label: Text
    text: Text
    kind: Literal["must_mention", "must_not_claim", "quality"] = "must_mention"
    partial: Literal["none", "half"] = "none"
    improve: str = ""
    accept: tuple[Text, ...] = ()
    reject: tuple[Text, ...] = ()


def _optional(default: float) -> Any:
    """A key that came later: left out of the dump where it keeps its default, so that digests stay what they are."""
    return Field(default, exclude_if=lambda value: value == default)


class Gate(Spec):
    """What a judge must reach on the author's answers before its grades of a question can be final.

    `agreement` and `qwk` with people's marks and scores, at least; `bias` (signed error of the score, as a share of
    all points) and `attack_success`, at most. `judge_alone` is the largest share of attacks that may reach the pass
    mark by the judge's own marks, before any check in code. `final_right` is the smallest share of final grades that
    are right within 0.10, and `final_right_low` the smallest lower bound of its 95 % interval. Below `confidence`
    (0 to 100) one call is not enough.
    """

    agreement: Share = 0.90
    attack_success: Share = 0.02
    qwk: Share = _optional(0.75)
    bias: Share = _optional(0.05)
    confidence: Annotated[int, Field(ge=0, le=100)] = _optional(70)
    judge_alone: Share = _optional(0.05)
    final_right: Share = _optional(0.90)
    final_right_low: Share = _optional(0.80)


class OwnRun(Spec):
    """Asks the answer to quote public rows of a run of the learner's own, at another challenge of the same course."""

    challenge: Slug = Field(description="The id of the challenge whose run is quoted: another one of the same course")
    rows: int = Field(2, ge=1, le=QUOTED_MAX, description="How many public rows of the run are quoted")


class FreeText(Keys):
    """The keys of a question. `words` are the fewest and the most words of an answer.

    Learners do not see `model_answer`. With `own_run` they choose rows of a run of their own, which graders read
    beside the answer.
    """

    question: Text = Field(description="The question that learners answer")
    model_answer: Text = Field(description="The answer that the author would give, which learners do not see")
    rubric: tuple[Criterion, ...] = Field(min_length=1, description="Criteria, whose points add up to 100 or to 10")
    words: tuple[int, int] = Field((30, 250), description="The fewest and the most words of an answer")
    gate: Gate = Field(Gate(), description="What a judge must reach before its grades can be final")
    own_run: OwnRun | None = Field(
        None,
        exclude_if=lambda asked: asked is None,
        description="The challenge whose run the learner quotes from, and how many rows",
    )


def free_text(challenge: Challenge) -> FreeText:
    """The question of a challenge. Raises ValueError where the challenge does not ask for free text."""
    keys = challenge.keys_of("free_text")
    if not isinstance(keys, FreeText):
        raise ValueError(f"{challenge.id} does not ask for free text")
    return keys
