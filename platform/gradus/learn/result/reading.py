"""Something to read while an attempt waits: a question of the challenge's lesson, and the next hint's offer."""

from dataclasses import dataclass

from gradus.courses import catalogue
from gradus.learn.lesson import markdown
from gradus.learn.result.next_step import next_hint
from gradus.submissions.models import Submission


@dataclass(frozen=True)
class Reading:
    """`answer` is HTML. Without a question it is empty; `hint` is the number of the next hint, or None."""

    question: str
    answer: str
    hint: int | None


def reading(submission: Submission) -> Reading | None:
    """Returns None if there is nothing to read. Each attempt gets the next question of the lesson."""
    challenge = catalogue.now().challenges.get(submission.challenge.slug)
    if challenge is None:
        return None
    hint, questions = next_hint(submission.user, challenge), challenge.lesson.parsed.faq
    if not questions:
        return Reading("", "", hint) if hint else None
    moved = catalogue.now().moved(challenge.course)
    earlier = Submission.objects.of(submission.user).filter(challenge=challenge, pk__lt=submission.pk).count()
    chosen = questions[earlier % len(questions)]
    return Reading(chosen.question, markdown.render(chosen.answer, moved).html, hint)
