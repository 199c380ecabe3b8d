"""Schemas of chats with what an attempt has trained."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field

from gradus.api.schemas.results import ErrorOut, Status
from gradus.chats.models import TEXT_CHARS


class ChatIn(Schema):
    """`challenge` asks as the attempt does, `plain` with the chat template of the base model."""

    text: str = Field(min_length=1, max_length=TEXT_CHARS)
    style: Literal["challenge", "plain"] = "challenge"


class RivalOut(Schema):
    text: str
    probability: float


class ChatTokenOut(Schema):
    """A token that was written. `rivals` are the likeliest tokens at its place; an empty text ends the answer."""

    text: str
    probability: float
    rivals: list[RivalOut]


class ChatAnswerOut(Schema):
    """`probabilities` are those of labels, where the challenge's answers are scored and not written."""

    text: str
    probabilities: dict[str, float] = {}
    tokens: list[ChatTokenOut] = []
    prompt_tokens: float
    new_tokens: float
    ms: float


class ChatOut(Schema):
    uuid: UUID
    submission: UUID
    text: str
    style: Literal["challenge", "plain"]
    created_at: datetime
    expires_at: datetime
    status: Status
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    prompt: str | None = None
    base: ChatAnswerOut | None = None
    trained: ChatAnswerOut | None = None
