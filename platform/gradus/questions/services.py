"""The only writer of answers to questions and of steps that were read, and what all learners together gained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q
from django.utils.translation import gettext as _

from challenges.bundle import sha256_of
from challenges.lesson.spec import ChoiceQuestion
from challenges.spec import dump
from gradus.accounts.models import User
from gradus.courses import preview
from gradus.courses.models import Lesson
from gradus.questions.models import Answer, Part, ReadStep
from gradus.submissions.services import Refused

# With fewer learners the gain says little, and one of them could be recognised.
SHOWN_FROM = 20


@dataclass(frozen=True)
class Gain:
    """Of `learners` who answered all questions before and after, the mean numbers of right answers of `questions`."""

    learners: int
    questions: int
    before: float
    after: float


def parts(lesson: Lesson) -> Mapping[Part, tuple[ChoiceQuestion, ...]]:
    asked = lesson.parsed.questions
    return {Part.CHECK: asked.check, Part.BEFORE: asked.before, Part.AFTER: asked.after}


def content_of(question: ChoiceQuestion) -> str:
    return sha256_of(dump(question))


def answers(user: User | None, lesson: Lesson) -> dict[str, Answer]:
    """The learner's answers to the questions as they stand now, by the question's id."""
    if user is None:
        return {}
    now = {question.id: content_of(question) for question in lesson.parsed.questions.every}
    found = Answer.objects.filter(user=user, lesson=lesson, question__in=now)
    return {one.question: one for one in found if one.content == now[one.question]}


def answer(user: User, lesson: Lesson, question: ChoiceQuestion, part: Part, option: int) -> Answer:
    """Keeps the first answer. A later one to the same question changes nothing, and the first is returned.

    Raises:
        Refused: 422 for an option that there is not, 409 for one before the lesson once one after it is answered, and
            in the preview of a draft.
    """
    preview.refuse_to_store()
    if not 0 <= option < len(question.options):
        said = _("Choose one of the %(count)s answers.") % {"count": len(question.options)}
        raise Refused("no_such_option", said, problems=[_problem("no_such_option", said)])
    if part is Part.BEFORE and Answer.objects.filter(user=user, lesson=lesson, part=Part.AFTER).exists():
        said = _("You have already answered a question after the lesson, so those before it are closed.")
        raise Refused("questions_closed", said, 409)
    found, _made = Answer.objects.get_or_create(
        user=user,
        lesson=lesson,
        question=question.id,
        content=content_of(question),
        defaults={"part": part, "option": option, "is_right": question.options[option].right},
    )
    return found


def read_steps(user: User | None, lesson: Lesson) -> frozenset[str]:
    """The ids of the lesson's steps that the learner has read, also of steps that the lesson no longer has."""
    found = ReadStep.objects.filter(user=user, lesson=lesson) if user else ReadStep.objects.none()
    return frozenset(found.values_list("step", flat=True))


def read_step(user: User, lesson: Lesson, step: str) -> None:
    """Notes that the learner has read a step of the lesson. A second time changes nothing.

    Raises:
        Refused: in the preview of a draft.
    """
    preview.refuse_to_store()
    ReadStep.objects.get_or_create(user=user, lesson=lesson, step=step)


def _problem(code: str, message: str) -> dict[str, object]:
    return {"code": code, "field": "option", "message": message}


def gain(lesson: Lesson) -> Gain | None:
    """None until `SHOWN_FROM` learners have answered all questions before and then all after the lesson."""
    asked = lesson.parsed.questions
    if not asked.before or not asked.after:
        return None
    whole = (
        Answer.objects.filter(_now(lesson, Part.BEFORE, asked.before) | _now(lesson, Part.AFTER, asked.after))
        .values("user")
        .annotate(
            answered_before=Count("pk", filter=Q(part=Part.BEFORE)),
            answered_after=Count("pk", filter=Q(part=Part.AFTER)),
            right_before=Count("pk", filter=Q(part=Part.BEFORE, is_right=True)),
            right_after=Count("pk", filter=Q(part=Part.AFTER, is_right=True)),
            last_before=Max("created_at", filter=Q(part=Part.BEFORE)),
            first_after=Min("created_at", filter=Q(part=Part.AFTER)),
        )
        .filter(answered_before=len(asked.before), answered_after=len(asked.after))
        .values_list("right_before", "right_after", "last_before", "first_after")
    )
    counted = [(before, after) for before, after, last, first in whole if last <= first]
    if len(counted) < SHOWN_FROM:
        return None
    return Gain(
        learners=len(counted),
        questions=len(asked.before),
        before=sum(before for before, _after in counted) / len(counted),
        after=sum(after for _before, after in counted) / len(counted),
    )


def _now(lesson: Lesson, part: Part, asked: Sequence[ChoiceQuestion]) -> Q:
    """Answers to the questions as they stand now."""
    return Q(lesson=lesson, part=part, content__in=[content_of(question) for question in asked])
