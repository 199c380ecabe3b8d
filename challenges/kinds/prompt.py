"""The kind `prompt`: instructions and a few examples, which the base model reads before each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from challenges import field_checks
from challenges.field_checks import FieldProblem
from challenges.kinds.base import Kind, TokenUse
from challenges.models.token_counts import CountTokens, prefix_tokens
from challenges.payloads import Example, Submitted
from challenges.prompts import problem_with
from challenges.rows import TrainRow
from challenges.spec import Challenge, Label
from challenges.translation import gettext, gettext_noop

LABEL_WORD_CHARS = 40
ZERO_SHOT, FEW_SHOT = "zero-shot", "few-shot"


class PromptPayload(Submitted):
    """`label_words` are the words that the model writes for labels: a verbalizer (Schick and Schütze 2021)."""

    kind: Literal["prompt"] = "prompt"
    instructions: str = Field("", max_length=16_384)
    examples: tuple[Example, ...] = Field((), max_length=64)
    example: str | None = Field(None, max_length=2000, description="Row template; only {input} and {output}")
    label_words: dict[str, str] = Field({}, max_length=50, description="The model's word for a label, by label")


class PromptKind(Kind):
    """Codes of problems: too_long, too_many_examples, too_many_tokens, bad_template, unknown_label, label_word,
    special_token, control_character, empty.
    """

    name = "prompt"
    title = gettext_noop("Prompt")
    noun = gettext_noop("a prompt")
    payload = PromptPayload
    draws_examples = True
    scaffold = "challenges.scaffold.prompt:SCAFFOLD"
    approaches = {ZERO_SHOT: gettext_noop("Zero-shot"), FEW_SHOT: gettext_noop("Few-shot")}

    def check(self, challenge: Challenge, payload: PromptPayload) -> Iterator[FieldProblem]:
        return _fields(challenge, payload)

    def check_tokens(
        self, challenge: Challenge, payload: PromptPayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        return self.tokens(challenge, payload, count_tokens).problems(payload.examples)

    def tokens(self, challenge: Challenge, payload: PromptPayload, count_tokens: CountTokens) -> TokenUse:
        used = prefix_tokens(
            challenge,
            count_tokens,
            instructions=payload.instructions,
            examples=payload.examples,
            template=payload.example,
            words=payload.label_words,
        )
        return TokenUse(used, challenge.limits.prompt_tokens_max)

    def inputs(self, payload: PromptPayload) -> Sequence[str]:
        return [example.input for example in payload.examples]

    def prose(self, payload: PromptPayload) -> str:
        return payload.instructions

    def approach(self, payload: PromptPayload) -> str:
        return FEW_SHOT if payload.examples else ZERO_SHOT

    def parts(self, challenge: Challenge, payload: PromptPayload) -> Mapping[str, object]:
        """A default that is written out is no difference."""
        words = {label: word for label, word in payload.label_words.items() if word != label}
        template = challenge.prompt.example if payload.example is None else payload.example
        return {
            "instructions": payload.instructions.strip(),
            "example": template,
            "label_words": words,
            # Examples in another order are another prompt, but not other examples.
            "examples": sorted(map(repr, payload.examples)),
            "order": payload.examples,
        }

    def label_words(self, payload: PromptPayload) -> Mapping[str, str]:
        return payload.label_words

    def stored_arm(self, payload: Submitted) -> dict[str, Any]:
        """All of it: learners run the prompts of findings from the lesson's page."""
        return payload.model_dump(mode="json")


KIND = PromptKind()


def _fields(challenge: Challenge, payload: PromptPayload) -> Iterator[FieldProblem]:
    yield from field_checks.instructions(challenge, payload.instructions)
    yield from field_checks.example_count(challenge, len(payload.examples))
    yield from _template(challenge, payload.example)
    yield from _label_words(challenge, payload.label_words)
    rows = [TrainRow(input=e.input, output=e.output) for e in payload.examples]
    yield from field_checks.pairs(challenge, "examples", rows)
    texts = [payload.instructions, payload.example or "", *(text for p in rows for text in (p.input, p.output))]
    yield from field_checks.size("examples", texts, field_checks.PAYLOAD_BYTES)


def _template(challenge: Challenge, template: str | None) -> Iterator[FieldProblem]:
    if template is None:
        return
    if challenge.prompt.locked and template != challenge.prompt.example:
        message = gettext("The row template is fixed in this challenge: leave it out.")
        yield FieldProblem("bad_template", "example", message)
    elif (wrong := problem_with(template)) is not None:
        yield FieldProblem("bad_template", "example", f"{wrong[0].upper()}{wrong[1:]}.")
    yield from field_checks.characters(challenge, "example", template)


def _label_words(challenge: Challenge, words: dict[str, str]) -> Iterator[FieldProblem]:
    labels = challenge.answer.labels if isinstance(challenge.answer, Label) else ()
    for label, word in words.items():
        field = f"label_words.{label}"
        if label not in labels:
            message = gettext("There is no label “%(label)s”: remove its word.") % {"label": label}
            yield FieldProblem("unknown_label", "label_words", message)
        elif not word.strip() or len(word) > LABEL_WORD_CHARS or word != word.strip() or "\n" in word:
            message = gettext("The word for “%(label)s” must have 1 to %(most)s characters on one line.")
            yield FieldProblem("label_word", field, message % {"label": label, "most": LABEL_WORD_CHARS})
        yield from field_checks.characters(challenge, field, word)
    used = [words.get(label, label) for label in labels]
    if len(set(used)) < len(used):
        message = gettext("Two labels have the same word: give each label its own word.")
        yield FieldProblem("label_word", "label_words", message)
