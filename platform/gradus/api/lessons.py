"""The calls about one lesson: its advisor, which recommends an approach for a use case, and its questions."""

from dataclasses import asdict

from django.http import Http404
from ninja import Router, Schema
from pydantic import Field

from challenges.payloads import Whole
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.learn.access import shown_lesson
from gradus.learn.lesson import advisor, questions
from gradus.learn.lesson.advisor import Advice, Flip
from gradus.learn.lesson.questions import Asked, Group
from gradus.learn.views.lesson import with_question
from gradus.questions import services

router = Router(tags=["courses"], auth=anyone)


class AdvisorIn(Schema):
    """The ids of the chosen answers by the question's id. Questions may be left out."""

    answers: dict[str, str]


class AdvisorChoiceOut(Schema):
    id: str
    label: str


class AdvisorQuestionOut(Schema):
    id: str
    text: str
    choices: list[AdvisorChoiceOut]


class ApproachOut(Schema):
    id: str
    title: str
    summary: str
    first_step: str


class ReasonOut(Schema):
    approach: str
    text: str


class FlipOut(Schema):
    """A different answer to one question with which the main recommendation would change."""

    question: str
    choice: str
    instead_of: str
    leads_to: list[str]

    @staticmethod
    def resolve_leads_to(flip: Flip) -> list[str]:
        return [approach.id for approach in flip.leads_to]


class ApproachScore(Schema):
    approach: str = Field(validation_alias="approach.id")
    score: float
    excluded: bool


class AdviceOut(Schema):
    """The main approach, what combines with it, the reasons for and against, and what to try first."""

    recommended: list[ApproachOut]
    reasons: list[ReasonOut]
    against: list[ReasonOut]
    ruled_out: list[ReasonOut]
    would_change: list[FlipOut]
    try_first: list[ApproachOut]
    scores: list[ApproachScore]
    unanswered: list[str]


def advice_out(advice: Advice, unanswered: list[str]) -> AdviceOut:
    return AdviceOut.model_validate(
        {
            **vars(advice),
            "would_change": advice.flips,
            "try_first": advice.cheaper,
            "unanswered": unanswered,
        }
    )


@router.post("/lessons/{slug:id}/advisor", response=AdviceOut, openapi_extra=OPTIONAL)
def advise(request: Request, id: str, given: AdvisorIn) -> AdviceOut:
    """Recommends an approach for a use case, gives reasons, and says which answers would change the advice."""
    spec = shown_lesson(request, id).parsed.advisor
    if spec is None:
        raise Http404
    answers = advisor.known(spec, given.answers)
    return advice_out(advisor.advise(spec, answers), [question.id for question in advisor.missing(spec, answers)])


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


@router.get("/lessons/{slug:id}/questions", response=QuestionsOut, openapi_extra=OPTIONAL)
def lesson_questions(request: Request, id: str) -> QuestionsOut:
    """Returns the questions of a lesson, your answers, and what is explained already."""
    shown = questions.shown(shown_lesson(request, id), caller_or_none(request))
    groups = [group for group in (shown.before, *shown.checks.values(), shown.after) if group]
    gain = shown.after.gain if shown.after else None
    return QuestionsOut(
        questions=[_question(group, one) for group in groups for one in group.asked],
        gain=GainOut(**asdict(gain)) if gain else None,
    )


@router.post("/lessons/{slug:id}/questions/{slug:question}", response=QuestionOut, auth=someone)
def question_answer(request: Request, id: str, question: str, given: AnswerIn) -> QuestionOut:
    """Answers a question. Your first answer counts; a later one changes nothing."""
    lesson = shown_lesson(request, id)
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
