"""What a worker does for a message of a chat: it writes the prompt, and follows what the models write."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from challenges.models.chat_templates import own_turns
from challenges.prompts import NoTurns
from graders.base import BASE, TRAINED, Generate, Grade, Rejected, Result, WorkItem
from workers.execute import CarryOut

log = structlog.get_logger(__name__)
Event = dict[str, Any]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=200)]
# The text of a token, its probability, and the same of what else was likely.
Token = tuple[Text, Share, Annotated[list[tuple[Text, Share]], Field(max_length=8)]]
Tokens = TypeAdapter(Annotated[list[Token], Field(max_length=128)])
LONGEST = 512


def plain_prompt(model: str | None, text: str) -> str:
    """The text as a turn of the model's own chat template, up to where the model answers.

    Raises:
        Rejected: `no_chat_template`, the model has no template, or one that cannot be used.
    """
    try:
        filled = own_turns(model).write([("user", text)], True)
    except NoTurns as error:
        raise Rejected("no_chat_template") from error
    if text not in filled:
        raise Rejected("no_chat_template")
    return filled


class WrittenTokens:
    """Collects the tokens of both answers as the engine reports them, and turns them into events for the page.

    It is used like `workers.grading.live_rows.LiveRows`.
    """

    def __init__(self) -> None:
        self.tokens: dict[str, list[Token]] = {BASE: [], TRAINED: []}
        self._item: WorkItem | None = None

    def around(self, item: WorkItem, carry_out: CarryOut) -> Result:
        """Remembers the item that is carried out."""
        self._item = item
        return carry_out(item)

    def read(self, event: Event) -> Event | None:
        """The event as it may be stored: what was written so far, in place of the tokens that have come."""
        if event["type"] != "tokens":
            return event if event["type"] == "progress" else None
        stage = self._item.stage if isinstance(self._item, Generate) else ""
        try:
            new, at = Tokens.validate_python(event["tokens"]), int(event["at"])
            kept = self.tokens[stage]
            if not 0 <= at <= len(kept) or at + len(new) > LONGEST:
                raise ValueError("tokens out of place")
        except (ValidationError, ValueError, KeyError) as error:
            log.warning("tokens_not_read", reason=type(error).__name__)
            return None
        kept[at : at + len(new)] = new
        return {"type": "written", "stage": stage, "tokens": [text for text, _, _ in kept]}

    def finished(self) -> Grade:
        """Nothing: a part of an answer is no answer."""
        return Grade(score=None)

    def completed(self, grade: Grade) -> Grade:
        """Adds to both answers the tokens that make them up."""
        answers = {stage: self._with_tokens(stage, answer) for stage, answer in grade.chat["answers"].items()}
        return replace(grade, chat={**grade.chat, "answers": answers})

    def _with_tokens(self, stage: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The tokens that make up the answer's text: those of a stop after it are left out."""
        kept = self.tokens[stage][: int(answer["new_tokens"])]
        return {**answer, "tokens": cut(kept, answer["text"])}


def cut(tokens: list[Token], text: str) -> list[Token]:
    """The tokens up to the end of `text`, which may begin after white space. Empty where they do not make it up.

    A character of which only a part was written belongs to no token.
    """
    text = text.rstrip("\ufffd")
    whole = "".join(piece for piece, _, _ in tokens)
    start = len(whole) - len(whole.lstrip())
    if not whole[start:].startswith(text):
        return []
    left, kept = start + len(text), []
    for piece, share, rivals in tokens:
        if left <= 0:
            break
        kept.append((piece[:left], share, rivals))
        left -= len(piece)
    return kept
