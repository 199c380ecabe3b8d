"""The questions of a lesson, the caller's answers, and what is explained already."""

from dataclasses import asdict

from ninja import Router, Schema
from pydantic import Field

from challenges.payloads import Whole
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.courses import catalogue
from gradus.learn.lesson import questions
from gradus.learn.lesson.questions import Asked, Group
from gradus.learn.views.lesson import with_question
from gradus.questions import services


class OptionOut(Schema):
    text: str
    right: bool | None = Field(None, description="null until the question is explained")
    because: str | None = Field(None, description="Why it is right, or what it overlooks; null until then")


class QuestionOut(Schema):
    """Questions of the part `check` are explained when you have answered them, the others when all of `after` are."""

    id: str
    part: str = Field(description="`check`: in the lesson's text; `before` and `after` the lesson")
    question: str
    options: list[OptionOut]
    answer: int | None = Field(None, description="The option that you chose first, from 0")


class GainOut(Schema):
    """The mean numbers of right answers of all learners who answered all questions before and after the lesson."""

    learners: int
    questions: int
    before: float
    after: float


class QuestionsOut(Schema):
    questions: list[QuestionOut]
    gain: GainOut | None = Field(
        None, description="null until you have answered all questions, and twenty learners have"
    )


class AnswerIn(Schema):
    option: Whole = Field(ge=0, le=5, description="The place of the option, from 0")


router = Router(tags=["courses"], auth=anyone)


@router.get("/lessons/{slug:id}/questions", response=QuestionsOut, openapi_extra=OPTIONAL)
def lesson_questions(request: Request, id: str) -> QuestionsOut:
    """Returns the questions of a lesson, your answers, and what is explained already."""
    shown = questions.shown(catalogue.now().lesson(id), caller_or_none(request))
    groups = [group for group in (shown.before, *shown.checks.values(), shown.after) if group]
    gain = shown.after.gain if shown.after else None
    return QuestionsOut(
        questions=[_question(group, one) for group in groups for one in group.asked],
        gain=GainOut(**asdict(gain)) if gain else None,
    )


@router.post("/lessons/{slug:id}/questions/{slug:question}", response=QuestionOut, auth=someone)
def question_answer(request: Request, id: str, question: str, given: AnswerIn) -> QuestionOut:
    """Answers a question. Your first answer counts; a later one changes nothing."""
    lesson = catalogue.now().lesson(id)
    user = caller(request)
    group, asked = with_question(lesson, user, question)
    services.answer(user, lesson, asked.question, group.part, given.option)
    return _question(*with_question(lesson, user, question))


def _question(group: Group, one: Asked) -> QuestionOut:
    is_explained = one.is_explained and one.answer is not None
    return QuestionOut(
        id=one.question.id,
        part=group.part,
        question=one.question.question,
        options=[
            OptionOut(
                text=option.text,
                right=option.right if is_explained else None,
                because=option.because if is_explained else None,
            )
            for option in one.question.options
        ],
        answer=one.answer.option if one.answer else None,
    )
