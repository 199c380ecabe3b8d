"""Collects the texts that a free-text answer may have been copied from: lesson, challenge, other learners' answers."""

from __future__ import annotations

from challenges import kinds
from graders.free_text.copies import LEARNER
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.submissions.models import Submission

# Only this many of the newest answers of other learners are compared; a copy of an older answer is not found.
OTHERS_MAX = 300


def of_submission(submission: Submission, version: ChallengeVersion) -> dict[str, str]:
    """Texts by name; those of the challenge are as they stand in `version`.

    Other learners' answers to the challenge are those that came before this one. They are named by their submission's
    number, `learner:17`, never by who wrote them.
    """
    return {
        "lesson": submission.challenge.lesson.text,
        "faq": faq(submission.challenge.lesson),
        "solution": version.solution,
        "statement": version.statement,
        **others(submission),
    }


def faq(lesson: Lesson) -> str:
    """The questions and answers of the lesson's FAQ as one text."""
    return "\n\n".join(f"{row['question']}\n{row['answer']}" for row in lesson.spec.get("faq", []))


def others(submission: Submission) -> dict[str, str]:
    """At most `OTHERS_MAX` earlier answers of other learners, the newest first."""
    earlier = Submission.objects.filter(
        challenge=submission.challenge_id, kind__in=kinds.judged(), pk__lt=submission.pk
    )
    rows = earlier.exclude(user=submission.user_id).order_by("-pk").values_list("pk", "payload__answer")
    return {f"{LEARNER}{pk}": answer or "" for pk, answer in rows[:OTHERS_MAX]}
