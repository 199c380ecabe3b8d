"""A chat as what a run is for: one message to what a learner has trained."""

from __future__ import annotations

from typing import Any

from challenges.jobs import ChatTurn, StoredFile
from gradus import retention
from gradus.accounts.models import User
from gradus.chats.models import ChatMessage
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.purpose import Purpose
from gradus.submissions.services.runs import open_before

# The methods whose adapters a remote engine can load.
LOADABLE = ("lora", "dpo")


class Chat(Purpose):
    """A message to a trained model. The run holds the answers, which staff do not see."""

    name = "chat"
    kept = retention.CHATS
    is_private = True

    def load(self, run: Run) -> dict[str, Any]:
        """Returns what is asked. Only the adapter, if the message or the attempt that trained it is not the owner's."""
        files = (StoredFile("artifacts", run.adapter),)
        # The owner is asked for again: whatever went wrong before, nobody is answered by another person's model.
        message = ChatMessage.objects.select_related("submission").filter(run=run, submission__user=run.user_id).first()
        if message is None:
            return {"files": files}
        payload = message.submission.payload
        return {
            "files": files,
            "payload": payload,
            "chat": ChatTurn(message.text, message.style == ChatMessage.Style.PLAIN),
            "can_load": payload.get("method", "lora") in LOADABLE,
        }


def queue_chat(user: User, asked: Evaluation) -> Run:
    """Queues a run with what the evaluation `asked` has trained, in the caller's transaction.

    Raises:
        Refused: 429 while another chat of the learner is open.
        IntegrityError: another request has just begun one. See `slots.try_again`.
    """
    assert asked.submission is not None
    chat = Chat()
    run = chat.run(asked.version, asked.submission.kind, {}, user=user, adapter=asked.artifact)
    run.save()
    slots.take(limits.OPEN_CHATS, Use(user=user), run=run)
    chat.evaluation(run, open_before(user)).save()
    return run
