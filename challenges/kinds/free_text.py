"""The kind `free_text`: an answer in prose, whose criteria are marked by a judge or by a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from challenges import field_checks
from challenges.characters import unwanted
from challenges.field_checks import FieldProblem
from challenges.kinds.base import Kind, Lane
from challenges.kinds.rubric import QUOTED_MAX, FreeText, free_text
from challenges.models.token_counts import CountTokens
from challenges.payloads import Payload, Submitted
from challenges.rows import GoldAnswer, QuotedRow, Sample
from challenges.spec import Challenge, dump
from challenges.translation import gettext, gettext_noop, ngettext

TEXT_TOKENS = 4096


class QuotedRun(Payload):
    """Public rows of a run or an attempt of the learner's own. The rows stand here, because runs expire.

    `run` is the id of the run or attempt, and `digest` says what exactly it handed in and what came out. Both are
    empty in an author's baselines, which no site checks.
    """

    run: str = Field("", pattern="^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")
    digest: str = Field("", pattern="^([0-9a-f]{64})?$")
    rows: tuple[QuotedRow, ...] = Field(max_length=QUOTED_MAX)


class FreeTextPayload(Submitted):
    """An answer. `own_run` is there if the question asks for rows of the learner's own run."""

    kind: Literal["free_text"] = "free_text"
    answer: str = Field(max_length=16_384)
    # Left out of a dump where there is none: digests of payloads that were sent before stay what they are.
    own_run: QuotedRun | None = Field(None, exclude_if=lambda run: run is None)

    @property
    def quoted(self) -> tuple[QuotedRow, ...]:
        """The rows of the learner's own run; none where none are quoted."""
        return self.own_run.rows if self.own_run else ()


class FreeTextKind(Kind):
    """The last three are found by a site alone, which knows the runs of its learners.

    Codes of problems: empty, too_long, words, control_character, too_many_tokens, own_run, not_your_run, not_in_run,
    other_run.
    """

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
        yield from _fields(challenge, payload)
        yield from _quoted(challenge, payload)

    def check_tokens(
        self, challenge: Challenge, payload: FreeTextPayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        return _tokens(payload, count_tokens)

    def prose(self, payload: FreeTextPayload) -> str:
        return payload.answer

    def marked_text(self, payload: FreeTextPayload) -> str:
        """The answer with the rows that it quotes: the same words about other rows may deserve other marks."""
        return "\n".join(
            [payload.answer, *(text for row in payload.quoted for text in (row.input, row.answer, row.mark))]
        )

    def secrets(self, hidden: Sequence[Sample], gold: Sequence[GoldAnswer]) -> Sequence[str]:
        """The author's graded answers."""
        return [row.answer for row in gold]

    def parts(self, challenge: Challenge, payload: FreeTextPayload) -> Mapping[str, object]:
        return {"answer": payload.answer}

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        """The question with the labels and points of its criteria, but neither their texts nor the model answer."""
        keys = free_text(challenge)
        criteria = [{"id": c.id, "label": c.label, "points": c.points} for c in keys.rubric]
        shown = {"question": keys.question, "words": list(keys.words), "criteria": criteria}
        return shown | ({"own_run": dump(keys.own_run)} if keys.own_run else {})


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


def _quoted(challenge: Challenge, payload: FreeTextPayload) -> Iterator[FieldProblem]:
    """Whether as many different rows are quoted as the question asks for. Only a site knows whose run they are of."""
    asked, count = free_text(challenge).own_run, len({row.id for row in payload.quoted})
    if asked is None:
        if payload.own_run is not None:
            said = gettext("This question asks for no rows of a run: leave them out.")
            yield FieldProblem("own_run", "own_run", said)
    elif count != asked.rows or count != len(payload.quoted):
        message = ngettext(
            "The answer has to quote %(count)s row of a run of your own: choose it.",
            "The answer has to quote %(count)s different rows of one run of your own: choose them.",
            asked.rows,
        )
        yield FieldProblem("own_run", "own_run", message % {"count": asked.rows})


def _tokens(payload: FreeTextPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    if (used := count_tokens(payload.answer)) > TEXT_TOKENS:
        message = gettext("The answer has %(count)s tokens; %(most)s are allowed. Shorten it.")
        yield FieldProblem("too_many_tokens", "answer", message % {"count": f"{used:,}", "most": f"{TEXT_TOKENS:,}"})
