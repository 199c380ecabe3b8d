"""Chats: a text for the base model and for what an attempt has trained, and both answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.api.auth import Request, caller, someone
from gradus.api.results import WAITS_BECAUSE, ErrorOut, State, state_of
from gradus.api.submissions import own
from gradus.chats import services as chats
from gradus.chats.faults import fault_of
from gradus.chats.models import TEXT_CHARS, ChatMessage


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
    status: State
    error: ErrorOut | None = None
    queue_position: int | None = None
    wait_s: int | None = None
    waits_because: ErrorOut | None = Field(None, description=WAITS_BECAUSE)
    prompt: str | None = None
    base: ChatAnswerOut | None = None
    trained: ChatAnswerOut | None = None


def chat_out(message: ChatMessage) -> ChatOut:
    evaluation = message.run.current
    found = (evaluation.result or {}).get("chat") or {"prompt": None, "answers": {}}
    error = {"code": evaluation.error_code, "message": fault_of(evaluation)} if evaluation.error_code else None
    return ChatOut.model_validate(
        {
            "uuid": message.run.uuid,
            "submission": message.submission.uuid,
            "text": message.text,
            "style": message.style,
            "created_at": message.run.created_at,
            "expires_at": message.run.expires_at,
            **state_of(evaluation),
            "error": error,
            "prompt": found["prompt"],
            **{stage: _answer(found["answers"].get(stage)) for stage in ("base", "trained")},
        }
    )


def _answer(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    tokens = [
        {
            "text": text,
            "probability": share,
            "rivals": [{"text": rival, "probability": likely} for rival, likely in rivals],
        }
        for text, share, rivals in answer.get("tokens", ())
    ]
    return {**answer, "tokens": tokens}


router = Router(tags=["chats"], auth=someone)


LISTED = 50


@router.post("/submissions/{uuid:uuid}/chat", response={201: ChatOut})
def chat_send(request: Request, uuid: UUID, message: ChatIn, response: HttpResponse) -> Status[ChatOut]:
    """Sends a text to the base model and to what the attempt has trained.

    `GET /runs/{uuid}/events` with the id of the answer streams what is written, as events `written`.
    `POST /runs/{uuid}/cancel` cancels it.
    """
    made = chats.send(own(request, uuid), message.text, message.style)
    response["Location"] = reverse("api:run_chat", args=[made.run.uuid])
    return Status(201, chat_out(made))


@router.get("/submissions/{uuid:uuid}/chat", response=list[ChatOut])
def chats_of_submission(request: Request, uuid: UUID) -> list[Any]:
    """Returns the newest messages that the caller has sent to this attempt, with their answers."""
    return [chat_out(one) for one in chats.messages_of(own(request, uuid), LISTED)]


@router.get("/runs/{uuid:uuid}/chat", response=ChatOut, url_name="run_chat")
def run_chat(request: Request, uuid: UUID) -> ChatOut:
    """Returns a message of the caller with both answers, which are null until they are finished."""
    found = ChatMessage.objects.select_related("run__version", "submission").filter(user=caller(request))
    return chat_out(get_object_or_404(found, run__uuid=uuid))
