"""The advisor of a lesson, which recommends an approach for a use case."""

from django.http import Http404
from ninja import Router, Schema

from challenges.lesson.spec import Approach
from gradus.api.auth import OPTIONAL, Request, anyone
from gradus.courses import catalogue
from gradus.learn.lesson import advisor
from gradus.learn.lesson.advisor import Advice


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
    """Another answer to one question that would change the main recommendation."""

    question: str
    choice: str
    instead_of: str
    leads_to: list[str]


class ApproachScore(Schema):
    approach: str
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
            "recommended": [_approach(item) for item in advice.recommended],
            "reasons": [vars(reason) for reason in advice.reasons],
            "against": [vars(reason) for reason in advice.against],
            "ruled_out": [vars(reason) for reason in advice.ruled_out],
            "would_change": [{**vars(flip), "leads_to": [item.id for item in flip.leads_to]} for flip in advice.flips],
            "try_first": [_approach(item) for item in advice.cheaper],
            "scores": [{**vars(item), "approach": item.approach.id} for item in advice.scores],
            "unanswered": unanswered,
        }
    )


def _approach(approach: Approach) -> dict[str, str]:
    return {key: getattr(approach, key) for key in ("id", "title", "summary", "first_step")}


router = Router(tags=["courses"], auth=anyone)


@router.post("/lessons/{slug:id}/advisor", response=AdviceOut, openapi_extra=OPTIONAL)
def advise(request: Request, id: str, given: AdvisorIn) -> AdviceOut:
    """Recommends an approach for a use case, gives reasons, and says which answers would change the advice."""
    spec = catalogue.now().lesson(id).parsed.advisor
    if spec is None:
        raise Http404
    answers = advisor.known(spec, given.answers)
    return advice_out(advisor.advise(spec, answers), [question.id for question in advisor.missing(spec, answers)])
