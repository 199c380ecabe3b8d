"""Everything for which the site refuses a payload at submit, in words that say how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from challenges.catalogue import MODELS
from challenges.characters import unwanted
from challenges.lengths import CountTokens, prefix_tokens, row_tokens
from challenges.payloads import FreeTextPayload, Hyperparameters, LoraPayload, PromptPayload
from challenges.prompts import problem_with
from challenges.spec import Challenge, Label, Lora, TrainRow

PROBLEMS_MAX = 50
PAYLOAD_BYTES = 16 * 1024
TEXT_TOKENS = 4096
LABEL_WORD_CHARS = 40
UPLOAD_BYTES = 2 * 1024 * 1024
ROW_BYTES = 8 * 1024
# Counting stops at so many times the budget, and the rest is estimated, so that a refusal is quick.
COUNT_UP_TO = 2


@dataclass(frozen=True)
class FieldProblem:
    """`code` is stable; `field` is the payload's key; `line` is the example's or row's number, from 1."""

    code: str
    field: str
    message: str
    line: int | None = None


def check(
    challenge: Challenge, payload: PromptPayload | LoraPayload | FreeTextPayload, count_tokens: CountTokens
) -> list[FieldProblem]:
    """What is wrong with `payload` for `challenge`, at most `PROBLEMS_MAX` problems; an empty list if nothing is.

    Tokens are counted only where all else holds, so that no input costs more than its size. Raises nothing.
    Codes: not_accepted_kind, too_long, too_many_examples, too_many_rows, too_many_tokens, tokens_max,
    too_many_steps, bad_template, unknown_label, label_word, special_token, control_character, knob, empty, words.
    """
    if payload.kind not in challenge.tracks:
        taken = " or ".join(challenge.tracks)
        return [FieldProblem("not_accepted_kind", "kind", f"This challenge takes {taken}, not {payload.kind}.")]
    if isinstance(payload, PromptPayload):
        return _both(_prompt(challenge, payload), _prompt_tokens(challenge, payload, count_tokens))
    if isinstance(payload, LoraPayload):
        return _both(_lora(challenge, payload), _lora_tokens(challenge, payload, count_tokens))
    return _both(_free_text(challenge, payload), _answer_tokens(payload, count_tokens))


def _both(first: Iterator[FieldProblem], then: Iterator[FieldProblem]) -> list[FieldProblem]:
    return list(islice(first, PROBLEMS_MAX)) or list(islice(then, PROBLEMS_MAX))


# --- prompt -----------------------------------------------------------------------------------------------------


def _prompt(challenge: Challenge, payload: PromptPayload) -> Iterator[FieldProblem]:
    yield from _instructions(challenge, payload.instructions)
    most = challenge.limits.examples_max
    if len(payload.examples) > most:
        message = f"{len(payload.examples)} examples are too many: keep {most} at most."
        yield FieldProblem("too_many_examples", "examples", message)
    yield from _template(challenge, payload.example)
    yield from _label_words(challenge, payload.label_words)
    pairs = [TrainRow(input=e.input, output=e.output) for e in payload.examples]
    yield from _pairs(challenge, "examples", pairs)
    texts = [payload.instructions, payload.example or "", *(text for p in pairs for text in (p.input, p.output))]
    yield from _size("examples", texts, PAYLOAD_BYTES)


def _template(challenge: Challenge, template: str | None) -> Iterator[FieldProblem]:
    if template is None:
        return
    if challenge.prompt.locked and template != challenge.prompt.example:
        yield FieldProblem("bad_template", "example", "The row template is fixed in this challenge: leave it out.")
    elif (wrong := problem_with(template)) is not None:
        yield FieldProblem("bad_template", "example", f"{wrong[0].upper()}{wrong[1:]}.")
    yield from _characters(challenge, "example", template)


def _label_words(challenge: Challenge, words: dict[str, str]) -> Iterator[FieldProblem]:
    labels = challenge.answer.labels if isinstance(challenge.answer, Label) else ()
    for label, word in words.items():
        field = f"label_words.{label}"
        if label not in labels:
            yield FieldProblem("unknown_label", "label_words", f"There is no label {label!r}: remove its word.")
        elif not word.strip() or len(word) > LABEL_WORD_CHARS or word != word.strip() or "\n" in word:
            message = f"The word for {label} must have 1 to {LABEL_WORD_CHARS} characters on one line."
            yield FieldProblem("label_word", field, message)
        yield from _characters(challenge, field, word)
    used = [words.get(label, label) for label in labels]
    if len(set(used)) < len(used):
        yield FieldProblem("label_word", "label_words", "Two labels have the same word: give each one of its own.")


def _prompt_tokens(challenge: Challenge, payload: PromptPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    used = prefix_tokens(
        challenge,
        count_tokens,
        instructions=payload.instructions,
        examples=payload.examples,
        template=payload.example,
        words=payload.label_words,
    )
    most = challenge.limits.prompt_tokens_max
    if used > most:
        message = f"Instructions and examples make {used:,} tokens; {most:,} are allowed. Shorten them."
        yield FieldProblem("too_many_tokens", "examples" if payload.examples else "instructions", message)


# --- lora -------------------------------------------------------------------------------------------------------


def _lora(challenge: Challenge, payload: LoraPayload) -> Iterator[FieldProblem]:
    lora = challenge.lora or Lora()
    yield from _instructions(challenge, payload.instructions)
    if len(payload.rows) > lora.rows_max:
        message = f"{len(payload.rows):,} rows are too many: keep {lora.rows_max:,} at most."
        yield FieldProblem("too_many_rows", "rows", message)
    yield from _knobs(lora, payload.hyperparameters)
    yield from _steps(lora, payload)
    yield from _pairs(challenge, "rows", payload.rows)
    yield from _size("rows", [text for row in payload.rows for text in (row.input, row.output)], UPLOAD_BYTES)


def _knobs(lora: Lora, chosen: Hyperparameters) -> Iterator[FieldProblem]:
    for name in ("r", "lora_alpha", "per_device_train_batch_size"):
        allowed = getattr(lora.knobs, name)
        if getattr(chosen, name) not in allowed:
            listed = ", ".join(str(value) for value in allowed)
            yield FieldProblem("knob", f"hyperparameters.{name}", f"{name} must be one of {listed}.")
    for name in ("learning_rate", "num_train_epochs"):
        low, high = getattr(lora.knobs, name)
        if not low <= getattr(chosen, name) <= high:
            yield FieldProblem("knob", f"hyperparameters.{name}", f"{name} must lie between {low:g} and {high:g}.")


def _steps(lora: Lora, payload: LoraPayload) -> Iterator[FieldProblem]:
    steps = training_steps(len(payload.rows), payload.hyperparameters)
    if steps > lora.steps_max:
        message = f"This makes {steps} steps; {lora.steps_max} are allowed. Take larger batches, fewer epochs or rows."
        yield FieldProblem("too_many_steps", "hyperparameters", message)


def training_steps(rows: int, chosen: Hyperparameters) -> int:
    """Optimiser steps of a training: batches per epoch, the last one perhaps smaller, times epochs."""
    return -(-rows // chosen.per_device_train_batch_size) * chosen.num_train_epochs


def _lora_tokens(challenge: Challenge, payload: LoraPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    lora, epochs = challenge.lora or Lora(), payload.hyperparameters.num_train_epochs
    counts: list[int] = []
    total = 0
    for count in row_tokens(challenge, count_tokens, payload.instructions, payload.rows):
        counts.append(count)
        if count > lora.row_tokens_max:
            number = len(counts)
            message = f"Row {number} has {count} tokens with the instructions; {lora.row_tokens_max} are allowed."
            yield FieldProblem("too_many_tokens", "rows", f"{message} Shorten it.", number)
        total += count
        if total * epochs > COUNT_UP_TO * lora.tokens_max:
            break
    if total * epochs > lora.tokens_max:
        yield FieldProblem("tokens_max", "rows", _over_budget(lora, len(payload.rows), epochs, counts))


def _over_budget(lora: Lora, rows: int, epochs: int, counts: list[int]) -> str:
    mean = sum(counts) / len(counts)
    return (
        f"{rows:,} rows x {epochs} epochs x {mean:.0f} tokens a row make {rows * epochs * mean:,.0f} training tokens; "
        f"{lora.tokens_max:,} are allowed. Use fewer rows, fewer epochs or shorter rows."
    )


# --- free text --------------------------------------------------------------------------------------------------


def _free_text(challenge: Challenge, payload: FreeTextPayload) -> Iterator[FieldProblem]:
    answer, most = payload.answer, challenge.limits.answer_chars
    if not answer.strip():
        yield FieldProblem("empty", "answer", "The answer is empty: write one.")
        return
    if len(answer) > most or len(answer.encode(errors="replace")) > PAYLOAD_BYTES:
        message = f"The answer has {len(answer):,} characters; {most:,} (and 16 KiB) are allowed. Shorten it."
        yield FieldProblem("too_long", "answer", message)
    least, top = challenge.words
    words = len(answer.split())
    if not least <= words <= top:
        yield FieldProblem("words", "answer", f"The answer has {words} words; write between {least} and {top}.")
    if (found := unwanted(answer, unseen=False)) is not None:
        yield FieldProblem("control_character", "answer", f"The answer holds the damaged character {found}: remove it.")


def _answer_tokens(payload: FreeTextPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    if (used := count_tokens(payload.answer)) > TEXT_TOKENS:
        message = f"The answer has {used:,} tokens; {TEXT_TOKENS:,} are allowed. Shorten it."
        yield FieldProblem("too_many_tokens", "answer", message)


# --- shared -----------------------------------------------------------------------------------------------------


def _instructions(challenge: Challenge, text: str) -> Iterator[FieldProblem]:
    most = challenge.limits.instructions_chars
    if len(text) > most:
        message = f"The instructions have {len(text):,} characters; {most:,} are allowed. Shorten them."
        yield FieldProblem("too_long", "instructions", message)
    yield from _characters(challenge, "instructions", text)


def _pairs(challenge: Challenge, field: str, pairs: list[TrainRow] | tuple[TrainRow, ...]) -> Iterator[FieldProblem]:
    one = "Example" if field == "examples" else "Row"
    labels = challenge.answer.labels if isinstance(challenge.answer, Label) else None
    for number, pair in enumerate(pairs, 1):
        if not pair.input.strip() or not pair.output.strip():
            yield FieldProblem("empty", field, f"{one} {number} has an empty input or output: fill it in.", number)
        elif labels is not None and pair.output not in labels:
            message = f"The output of {one.lower()} {number} is not one of the labels {', '.join(labels)}."
            yield FieldProblem("unknown_label", field, message, number)
        if len((pair.input + pair.output).encode(errors="replace")) > ROW_BYTES:
            yield FieldProblem("too_long", field, f"{one} {number} has more than 8 KiB: shorten it.", number)
        yield from _characters(challenge, field, pair.input + "\n" + pair.output, number)


def _characters(challenge: Challenge, field: str, text: str, number: int | None = None) -> Iterator[FieldProblem]:
    where = f"{field}, number {number}" if number else field
    if (found := unwanted(text, unseen=True)) is not None:
        message = f"{where}: {found} is a character that cannot be seen or printed: remove it."
        yield FieldProblem("control_character", field, message, number)
    model = MODELS.get(challenge.model or "")
    for token in model.special_tokens if model else ():
        if token in text:
            message = f"{where}: {token} is a control token of the model and is added for you: remove it."
            yield FieldProblem("special_token", field, message, number)


def _size(field: str, texts: list[str], most: int) -> Iterator[FieldProblem]:
    size = sum(len(text.encode(errors="replace")) for text in texts)
    if size > most:
        yield FieldProblem("too_long", field, f"All texts together have {size:,} bytes; {most:,} are allowed.")
