"""The only writer of chat messages."""

from dataclasses import dataclass
from typing import Any, NoReturn

from django.conf import settings
from django.core.files.storage import storages
from django.utils.translation import gettext as _

from challenges.field_checks import characters
from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from challenges.models.chat_templates import has_none
from gradus.accounts.models import User
from gradus.chats.models import TEXT_CHARS, ChatMessage
from gradus.chats.purpose import queue_chat
from gradus.refusal import too_long
from gradus.submissions import queue, services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services import Refused
from gradus.submissions.states import State

# Learners who wait for runs must not wait for more chats than this.
QUEUE_MOST = 50
QUEUE_SECONDS = 60


@dataclass(frozen=True)
class Closed:
    """Why an attempt cannot be talked to, as a sentence for its learner."""

    code: str
    message: str


def closed(submission: Submission) -> Closed | None:
    """Why the learner cannot talk to what this attempt has trained; None where it is possible."""
    if not kinds.find(submission.kind).is_trained:
        return Closed("nothing_trained", _("This attempt has trained no model, so there is nothing to talk to."))
    if not settings.CHAT_MESSAGES:
        return Closed("chats_off", _("Chats are switched off on this site."))
    evaluation = submission.current
    if evaluation.is_open or evaluation.state not in (State.SCORED, State.REVIEW):
        return Closed("nothing_trained", _("You can talk to the model when this attempt has been graded."))
    if not evaluation.artifact and submission.payload.get("method") == "full":
        said = _(
            "Full fine-tuning makes a whole model, which is too large for this site to keep: it was deleted after "
            "grading. Train an adapter with another method to talk to it."
        )
        return Closed("adapter_missing", said)
    if not evaluation.artifact or not storages["artifacts"].exists(evaluation.artifact):
        said = _("What this attempt has trained is not on this server any more. Submit it again to talk to it.")
        return Closed("adapter_missing", said)
    return None


def has_plain(submission: Submission) -> bool:
    """Whether the base model comes with a chat template, as far as this server knows."""
    return not has_none(submission.current.version.parsed.model)


def left_today(user: User, submission: Submission) -> int:
    """How many messages the learner may still send today, in the time zone of the course."""
    return slots.left(limits.CHAT_MESSAGES, Use(user=user, challenge=submission.challenge))


def send(submission: Submission, text: str, style: str) -> ChatMessage:
    """Queues a message for the base model and for what the submission has trained.

    Raises:
        Refused: 409 where there is nothing to talk to, 422 for a text or style that is not taken, 429 beyond a limit,
            503 where no worker could answer it now.
    """
    text = text.strip()
    if (why := closed(submission)) is not None:
        raise Refused(why.code, why.message, 409)
    _check(submission, text, style)
    evaluation, user = submission.current, submission.user
    _require_worker(evaluation)

    def once() -> ChatMessage:
        run = queue_chat(user, evaluation)
        slot = slots.take(limits.CHAT_MESSAGES, Use(user=user, challenge=submission.challenge), run=run)
        return ChatMessage.objects.create(run=run, user=user, submission=submission, slot=slot, style=style, text=text)

    message = slots.try_again(once)
    queue.ring(Lane.INTERACTIVE)
    return message


def _check(submission: Submission, text: str, style: str) -> None:
    if style not in ChatMessage.Style.values:
        _refuse("bad_style", "style", _("Choose one of the two ways of asking."))
    if style == ChatMessage.Style.PLAIN and not has_plain(submission):
        _refuse("bad_style", "style", _("This base model has no chat template. Ask it as in the challenge."))
    if not text:
        _refuse("empty", "text", _("Write a text for the models to answer."))
    if len(text) > TEXT_CHARS:
        raise too_long("text", text, TEXT_CHARS)
    for problem in characters(submission.current.version.parsed, "text", text):
        _refuse(problem.code, "text", problem.message)


def _refuse(code: str, field: str, message: str, status: int = 422, retry_after: int | None = None) -> NoReturn:
    problems: list[dict[str, Any]] = [{"code": code, "field": field, "message": message, "line": None}]
    raise Refused(code, message, status, problems=problems, retry_after=retry_after)


def _require_worker(evaluation: Evaluation) -> None:
    """Raises `Refused` where many wait already, or where all workers that are running lack the base model."""
    if Evaluation.objects.filter(lane=Lane.INTERACTIVE, state=State.QUEUED).count() >= QUEUE_MOST:
        said = _("Many people are waiting for the model at the moment. Try again in a minute; your text stays here.")
        _refuse("chat_queue_full", "text", said, 503, QUEUE_SECONDS)
    if services.lacks_model(str(evaluation.version.parsed.model), Lane.INTERACTIVE):
        said = _("The base model is not loaded on this site at the moment. Try again later; your text stays here.")
        _refuse("model_missing", "text", said, 503, QUEUE_SECONDS)


def messages_of(submission: Submission, most: int) -> list[ChatMessage]:
    """The learner's newest messages to this attempt, with their runs."""
    messages = ChatMessage.objects.filter(submission=submission)
    return list(messages.select_related("run__version")[:most])
