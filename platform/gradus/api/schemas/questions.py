"""Schemas of a lesson's questions."""

from ninja import Schema
from pydantic import Field

from challenges.payloads import Whole


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
