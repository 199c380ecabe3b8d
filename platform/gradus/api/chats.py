"""API calls about chats: a text for the base model and for what an attempt has trained, and both answers."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Router, Status

from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import Request, caller, someone
from gradus.api.submissions import own
from gradus.chats import services as chats
from gradus.chats.models import ChatMessage

router = Router(tags=["chats"], auth=someone)
LISTED = 50


@router.post("/submissions/{uuid:uuid}/chat", response={201: schemas.ChatOut})
def chat_send(request: Request, uuid: UUID, message: schemas.ChatIn, response: HttpResponse) -> Status[schemas.ChatOut]:
    """Sends a text to the base model and to what the attempt has trained.

    `GET /runs/{uuid}/events` with the id of the answer streams what is written, as events `written`.
    `POST /runs/{uuid}/cancel` cancels it.
    """
    made = chats.send(own(request, uuid), message.text, message.style)
    response["Location"] = reverse("api:run_chat", args=[made.run.uuid])
    return Status(201, outcomes.chat(made))


@router.get("/submissions/{uuid:uuid}/chat", response=list[schemas.ChatOut])
def chats_of_submission(request: Request, uuid: UUID) -> list[Any]:
    """Returns the newest messages that the caller has sent to this attempt, with their answers."""
    return [outcomes.chat(one) for one in chats.messages_of(own(request, uuid), LISTED)]


@router.get("/runs/{uuid:uuid}/chat", response=schemas.ChatOut, url_name="run_chat")
def run_chat(request: Request, uuid: UUID) -> schemas.ChatOut:
    """Returns a message of the caller with both answers, which are null until they are finished."""
    found = ChatMessage.objects.select_related("run__version", "submission").filter(user=caller(request))
    return outcomes.chat(get_object_or_404(found, run__uuid=uuid))
