"""Messages with which learners try what they have trained."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan, LessThanOrEqual

from gradus.submissions.models import Run, Slot, Submission

TEXT_CHARS = 1000


class ChatMessage(models.Model):
    """A text that the base model and what the learner has trained both answer.

    The run holds the answers, and is deleted after a while together with the message. `slot` is one of the messages of
    a day. That only one waits or is answered at a time is kept by another slot of the run.
    """

    class Style(models.TextChoices):
        CHALLENGE = "challenge"  # The instructions and the template of the attempt.
        PLAIN = "plain"  # The chat template of the base model.

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="chat_message")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chat_messages")
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="chat_messages")
    style = models.CharField(max_length=10, choices=Style.choices)
    text = models.TextField()
    slot = models.OneToOneField(Slot, models.RESTRICT, related_name="+")

    class Meta:
        ordering = ["-run_id"]
        constraints = [
            models.CheckConstraint(name="chat_style_is_known", condition=Q(style__in=["challenge", "plain"])),
            models.CheckConstraint(
                name="chat_text_is_short",
                condition=Q(LessThanOrEqual(Length("text"), TEXT_CHARS), GreaterThan(Length("text"), 0)),
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"
