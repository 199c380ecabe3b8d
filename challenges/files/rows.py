"""Samples, training rows, gold answers and attacks from JSON Lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from challenges.documents import Document
from challenges.files.jsonl import Fault, RowLimits, read_rows, row_lines
from challenges.files.key_errors import A_KEY, explain
from challenges.problems import BAD_ROW, Problem
from challenges.prompts import target_text
from challenges.rows import AnyRow, Attack, Benign, GoldAnswer, PreferenceRow, Sample, TrainRow
from challenges.translation import gettext

__all__ = [
    "RowLimits",
    "read_as",
    "read_attacks",
    "read_benign",
    "read_documents",
    "read_gold",
    "read_samples",
    "read_train",
    "row_lines",
]

Model = TypeVar("Model", bound=BaseModel)
UPLOAD = RowLimits()
ANSWERS = RowLimits(row_bytes_max=64 * 1024)
SHAPES = ('{"input": "...", "output": "..."}', '{"prompt": "...", "completion": "..."}', '{"messages": [...]}')
TARGETS = "text, no object of texts and no list of accepted texts"
OR_OBJECT = "; for answers in JSON write an object of texts"
PREFERENCE = '{"prompt": "...", "chosen": "...", "rejected": "..."}'


def read_samples(data: bytes, limits: RowLimits = UPLOAD) -> tuple[list[Sample], list[Problem]]:
    """Rows `{"id", "input", "target", "split"?}`. Raises nothing; what is wrong is in the problems."""
    return read_rows(data, _as(Sample), limits)


def read_gold(data: bytes) -> tuple[list[GoldAnswer], list[Problem]]:
    """Rows `{"answer", "marks", "role"}` of a free_text challenge."""
    return read_rows(data, _as(GoldAnswer), ANSWERS)


def read_attacks(data: bytes) -> tuple[list[Attack], list[Problem]]:
    """Rows `{"answer", "category", "max_score"?}` of a free_text challenge."""
    return read_rows(data, _as(Attack), ANSWERS)


def read_benign(data: bytes) -> tuple[list[Benign], list[Problem]]:
    """Rows `{"answer", "marks", "category"}` of a free_text challenge."""
    return read_rows(data, _as(Benign), ANSWERS)


def read_documents(data: bytes, limits: RowLimits) -> tuple[list[Document], list[Problem]]:
    """Rows `{"id", "title"?, "text"}` of a challenge with documents."""
    return read_rows(data, _as(Document), limits)


def read_train(data: bytes, limits: RowLimits = UPLOAD) -> tuple[list[AnyRow], list[Problem]]:
    """Training rows in any of the four shapes; a key `id` is allowed and dropped.

    Shapes: input and output; TRL's prompt and completion; chat messages of one user and one assistant; TRL's prompt,
    chosen and rejected. An output may be an object (for json answers) and becomes its JSON text.
    """
    return read_rows(data, _train_row, limits)


def read_as(model: type[Model], data: bytes, limits: RowLimits) -> tuple[list[Model], list[Problem]]:
    """Rows that have the keys of `model`."""
    return read_rows(data, _as(model), limits)


def _as(model: type[Model]) -> Callable[[dict[str, Any]], Model]:
    def parse(row: dict[str, Any]) -> Model:
        try:
            return model.model_validate(row)
        except ValidationError as error:
            raise _fault(error, model) from error

    return parse


def _fault(error: ValidationError, model: type[BaseModel]) -> Fault:
    details = error.errors(include_url=False)
    said = [_said(detail) for detail in details if detail["loc"][0] != "target" or detail["type"] == "missing"]
    if len(said) < len(details):
        said.append(
            (f"`target` is no {TARGETS}", f"write the label or the right answer as a text, in quotes{OR_OBJECT}")
        )
    what = "; ".join(dict.fromkeys(what for what, _ in said))
    if not any(detail["type"] in ("missing", "extra_forbidden") for detail in details):
        return Fault(BAD_ROW, what, "; ".join(dict.fromkeys(fix for _, fix in said)))
    needed, others = (
        ", ".join(f"`{name}`" for name, field in model.model_fields.items() if field.is_required() is wanted)
        for wanted in (True, False)
    )
    return Fault(BAD_ROW, what, f"a row has {needed}{f'; it may have {others}' if others else ''}")


def _said(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a key and how to fix it. A key may be the text of a hidden row, and is then not repeated."""
    path = [part for part in detail["loc"][:2] if isinstance(part, int) or A_KEY.fullmatch(str(part))]
    if detail["type"] == "missing":
        return f"the key `{'.'.join(map(str, path))}` is missing", "add it"
    return explain(detail, path if len(path) == len(detail["loc"][:2]) else path[:1])


def _train_row(row: dict[str, Any]) -> AnyRow:
    keys = set(row) - {"id"}
    if keys & {"chosen", "rejected"}:
        return _preference({key: row[key] for key in row if key != "id"})
    if keys == {"input", "output"}:
        return _pair(row["input"], row["output"])
    if keys == {"prompt", "completion"}:
        completion = row["completion"]
        return _pair(row["prompt"], completion.strip() if isinstance(completion, str) else completion)
    if keys == {"messages"}:
        return _chat(row["messages"])
    raise _misshapen(gettext("the row has none of the accepted shapes"))


def _misshapen(what: str) -> Fault:
    first, second, third = SHAPES
    fix = gettext("use %(first)s, %(second)s or %(third)s")
    return Fault(BAD_ROW, what, fix % {"first": first, "second": second, "third": third})


def _pair(ask: Any, answer: Any) -> TrainRow:
    if isinstance(answer, dict) and all(isinstance(value, str) for value in answer.values()):
        answer = target_text(answer)
    if not isinstance(ask, str) or not isinstance(answer, str):
        raise _misshapen(gettext("input and output must be texts"))
    if not ask.strip() or not answer.strip():
        what = gettext("the input or the output is empty")
        raise Fault("empty", what, gettext("fill it in, or remove the row"))
    return TrainRow(input=ask, output=answer)


def _preference(row: dict[str, Any]) -> PreferenceRow:
    ask = row.get("prompt", row.get("input"))
    sides = [row.get("chosen"), row.get("rejected")]
    if len(row) != 3 or not all(isinstance(text, str) for text in (ask, *sides)):
        what = gettext("a preference has a prompt, a chosen and a rejected answer, all texts")
        raise Fault(BAD_ROW, what, gettext("write %(shape)s") % {"shape": PREFERENCE})
    chosen, rejected = (str(side).strip() for side in sides)
    if not (str(ask).strip() and chosen and rejected):
        what = gettext("the prompt, the chosen or the rejected answer is empty")
        raise Fault("empty", what, gettext("fill it in, or remove the row"))
    return PreferenceRow.model_validate({"prompt": ask, "chosen": chosen, "rejected": rejected})


def _chat(messages: Any) -> TrainRow:
    turns = messages if isinstance(messages, list) else []
    roles = [turn.get("role") if isinstance(turn, dict) else None for turn in turns]
    if "system" in roles:
        what = gettext("system messages are not accepted")
        raise Fault(BAD_ROW, what, gettext("move the text into the instructions, which all rows share"))
    if roles != ["user", "assistant"]:
        raise _misshapen(gettext("a chat must have one message of the user, then one of the assistant"))
    return _pair(turns[0].get("content"), turns[1].get("content"))
