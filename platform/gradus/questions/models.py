"""What learners answered to the questions of a lesson, and which of its steps they have read."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from gradus.courses.models import Lesson


class Part(models.TextChoices):
    """Where a question stands: in the lesson's text, or before or after the lesson."""

    CHECK = "check"
    BEFORE = "before"
    AFTER = "after"


class Answer(models.Model):
    """The first answer of a learner to a question. It stays as it is: a trigger refuses updates.

    `content` is the digest of the question with its options, so that answers to other words are never counted with it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="question_answers")
    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="question_answers")
    part = models.CharField(max_length=6, choices=Part)
    question = models.CharField(max_length=64)
    content = models.CharField(max_length=64)
    option = models.PositiveSmallIntegerField(help_text="The place of the chosen option, from 0")
    is_right = models.BooleanField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_answer_to_a_question", fields=["user", "lesson", "question", "content"]),
            models.CheckConstraint(name="part_is_known", condition=models.Q(part__in=Part.values)),
        ]
        indexes = [models.Index(name="answers_of_a_lesson", fields=["lesson", "part"])]

    def __str__(self) -> str:
        return f"{self.question}: {self.option + 1}"


class ReadStep(models.Model):
    """A step of a lesson that a learner has read. `step` is the id of the step's heading.

    A step whose heading changes is a new step, which nobody has read.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="read_steps")
    lesson = models.ForeignKey(Lesson, models.CASCADE, related_name="read_steps")
    step = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="a_step_is_read_once", fields=["user", "lesson", "step"])]

    def __str__(self) -> str:
        return self.step
