from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from gradus.accounts.guests import learner
from gradus.chats import services as chats
from gradus.chats.models import TEXT_CHARS, ChatMessage
from gradus.learn.access import own_submission
from gradus.learn.chat import turn
from gradus.learn.form_problems import CHAT, Problem, of_refusal
from gradus.learn.kind_pages import with_line_feeds
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused

SHOWN = 20
CHIPS = 4


def chat(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A learner talks to what an own attempt has trained, beside its base model."""
    submission = own_submission(request, uuid)
    if request.method != "POST":
        return render(request, "learn/chat.html", _context(submission))
    text, style = with_line_feeds(request.POST.get("text", "")), request.POST.get("style", "")
    try:
        chats.send(submission, text, style)
    except Refused as refused:
        return _again(request, submission, text, style, refused)
    return redirect(f"{reverse('learn:chat', args=[submission.uuid])}#answers")


def _again(request: HttpRequest, submission: Submission, text: str, style: str, refused: Refused) -> HttpResponse:
    """What was typed is kept, with the reason beside its field."""
    shown = {**_context(submission, of_refusal(refused, CHAT)), "text": text, "style": style}
    response = render(request, "learn/chat.html", shown, status=refused.status)
    if refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response


def _context(submission: Submission, problems: list[Problem] | None = None) -> dict[str, Any]:
    version, why = submission.current.version, chats.closed(submission)
    turns = [turn(message) for message in chats.messages_of(submission, SHOWN)]
    return {
        "submission": submission,
        "challenge": submission.challenge,
        "spec": version.parsed,
        "closed": why and why.message,
        "turns": turns,
        "is_open": any(one.evaluation.is_open for one in turns),
        "style": turns[0].message.style if turns else ChatMessage.Style.CHALLENGE,
        "has_plain": chats.has_plain(submission),
        "left": chats.left_today(submission.user, submission),
        "most_chars": TEXT_CHARS,
        "chips": [sample.input for sample in version.samples[:CHIPS]],
        "problems": problems or [],
    }


def run_chat(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One message with its answers, for the page that follows it; without a script, the whole page."""
    messages = ChatMessage.objects.select_related("run__version", "submission")
    message = get_object_or_404(messages, run__uuid=uuid, user=learner(request))
    if not request.headers.get("HX-Request"):
        return redirect("learn:chat", message.submission.uuid)
    return render(request, "learn/_chat_turn.html", {"turn": turn(message)})
