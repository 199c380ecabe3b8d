"""API calls about the questions of a lesson."""

from dataclasses import asdict

from ninja import Router

from gradus.api import schemas
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.courses import catalogue
from gradus.learn.lesson import questions
from gradus.learn.lesson.questions import Asked, Group
from gradus.learn.views.lesson import with_question
from gradus.questions import services

router = Router(tags=["courses"], auth=anyone)


@router.get("/lessons/{slug:id}/questions", response=schemas.QuestionsOut, openapi_extra=OPTIONAL)
def lesson_questions(request: Request, id: str) -> schemas.QuestionsOut:
    """Returns the questions of a lesson, your answers, and what is explained already."""
    shown = questions.shown(catalogue.now().lesson(id), caller_or_none(request))
    groups = [group for group in (shown.before, *shown.checks.values(), shown.after) if group]
    gain = shown.after.gain if shown.after else None
    return schemas.QuestionsOut(
        questions=[_question(group, one) for group in groups for one in group.asked],
        gain=schemas.GainOut(**asdict(gain)) if gain else None,
    )


@router.post("/lessons/{slug:id}/questions/{slug:question}", response=schemas.QuestionOut, auth=someone)
def question_answer(request: Request, id: str, question: str, given: schemas.AnswerIn) -> schemas.QuestionOut:
    """Answers a question. Your first answer counts; a later one changes nothing."""
    lesson = catalogue.now().lesson(id)
    user = caller(request)
    group, asked = with_question(lesson, user, question)
    services.answer(user, lesson, asked.question, group.part, given.option)
    return _question(*with_question(lesson, user, question))


def _question(group: Group, one: Asked) -> schemas.QuestionOut:
    is_explained = one.is_explained and one.answer is not None
    return schemas.QuestionOut(
        id=one.question.id,
        part=group.part,
        question=one.question.question,
        options=[
            schemas.OptionOut(
                text=option.text,
                right=option.right if is_explained else None,
                because=option.because if is_explained else None,
            )
            for option in one.question.options
        ],
        answer=one.answer.option if one.answer else None,
    )
