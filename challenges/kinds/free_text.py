"""The kind `free_text`: an answer in prose, whose criteria are marked by a judge or by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from challenges import field_checks
from challenges.characters import unwanted
from challenges.field_checks import FieldProblem
from challenges.kinds.base import Kind, Lane
from challenges.kinds.rubric import FreeText, free_text
from challenges.models.token_counts import CountTokens
from challenges.payloads import Submitted
from challenges.rows import GoldAnswer, Sample
from challenges.spec import Challenge
from challenges.translation import gettext, gettext_noop, ngettext

TEXT_TOKENS = 4096


class FreeTextPayload(Submitted):
    kind: Literal["free_text"] = "free_text"
    answer: str = Field(max_length=16_384)


class FreeTextKind(Kind):
    """Codes of problems: empty, too_long, words, control_character, too_many_tokens."""

    name = "free_text"
    title = gettext_noop("Free text")
    noun = gettext_noop("an answer in free text")
    icon = "journal-text"
    run_label = gettext_noop("Check without grading")
    payload = FreeTextPayload
    keys = FreeText
    lane = Lane.JUDGE
    needed_files = frozenset({"gold.jsonl"})
    needs_model = False
    has_costs = False
    is_alone = True
    is_judged = True
    text_field = "answer"
    lint = "challenges.lint.free_text:lint_free_text"
    scaffold = "challenges.scaffold.free_text:SCAFFOLD"

    def check(self, challenge: Challenge, payload: FreeTextPayload) -> Iterator[FieldProblem]:
        return _fields(challenge, payload)

    def check_tokens(
        self, challenge: Challenge, payload: FreeTextPayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        return _tokens(payload, count_tokens)

    def prose(self, payload: FreeTextPayload) -> str:
        return payload.answer

    def secrets(self, hidden: Sequence[Sample], gold: Sequence[GoldAnswer]) -> Sequence[str]:
        """The author's graded answers."""
        return [row.answer for row in gold]

    def parts(self, challenge: Challenge, payload: FreeTextPayload) -> Mapping[str, object]:
        return {"answer": payload.answer}

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        """The question with the labels and points of its criteria, but neither their texts nor the model answer."""
        keys = free_text(challenge)
        criteria = [{"id": c.id, "label": c.label, "points": c.points} for c in keys.rubric]
        return {"question": keys.question, "words": list(keys.words), "criteria": criteria}


KIND = FreeTextKind()


def _fields(challenge: Challenge, payload: FreeTextPayload) -> Iterator[FieldProblem]:
    answer, most = payload.answer, challenge.limits.answer_chars
    if not answer.strip():
        yield FieldProblem("empty", "answer", gettext("The answer is empty: write one."))
        return
    if len(answer) > most or len(answer.encode(errors="replace")) > field_checks.PAYLOAD_BYTES:
        message = gettext("The answer has %(count)s characters; %(most)s (and 16 KiB) are allowed. Shorten it.")
        yield FieldProblem("too_long", "answer", message % {"count": f"{len(answer):,}", "most": f"{most:,}"})
    least, top = free_text(challenge).words
    words = len(answer.split())
    if not least <= words <= top:
        message = ngettext(
            "The answer has %(count)s word; write between %(least)s and %(most)s words.",
            "The answer has %(count)s words; write between %(least)s and %(most)s.",
            words,
        )
        yield FieldProblem("words", "answer", message % {"count": f"{words:,}", "least": least, "most": top})
    if (character := unwanted(answer, unseen=False)) is not None:
        message = gettext("The answer contains the damaged character %(character)s: remove it.")
        yield FieldProblem("control_character", "answer", message % {"character": character})


def _tokens(payload: FreeTextPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    if (used := count_tokens(payload.answer)) > TEXT_TOKENS:
        message = gettext("The answer has %(count)s tokens; %(most)s are allowed. Shorten it.")
        yield FieldProblem("too_many_tokens", "answer", message % {"count": f"{used:,}", "most": f"{TEXT_TOKENS:,}"})
