"""The calls about how a challenge does: the figures of each version, and of each hidden row.

People without a role in the course get 404. Hidden rows are for editors and owners, and the log of staff says who has
read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.accounts import roles
from gradus.accounts.token_rules import Scope
from gradus.api.auth import Request, allows, caller, requires, someone
from gradus.api.results import Track
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.refusal import Refused
from gradus.teach import health

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Query(max_length=40)]


class HealthAdviceOut(Schema):
    """What one can do about the figures."""

    text: str
    warning: bool = Field(validation_alias="is_warning", description="Whether something is probably wrong")


class ChallengeFiguresOut(Schema):
    """One track of one version. A learner counts once, with the best attempt; annulled attempts do not count."""

    version: str
    track: Track
    learners: int
    attempts: int = Field(description="Attempts with a score that counts")
    passed: int
    gold: int
    pass_rate: Share | None
    attempts_to_pass: float | None = Field(description="Median of those who have passed")
    mean_best: Share | None
    grading_seconds: float | None = Field(description="Median time from the first start to the end of a grading")
    prompt_tokens: float | None = Field(description="Mean of the tokens that the model reads for a request")
    public_minus_private: float | None = Field(
        description="Mean over the best attempts; null without a private split, and for those who may not edit"
    )
    failed_attempts: int
    runs: int = Field(description="Trial runs that are still kept")
    failed_runs: int
    computed_at: datetime
    histogram: list[int] = Field(description="Learners by their best score, in twentieths")
    advice: list[HealthAdviceOut]


class ChallengeHealthOut(Schema):
    """The newest published versions, the newest first."""

    challenge: str
    versions: list[ChallengeFiguresOut]


class WrongAnswerOut(Schema):
    answer: str = Field(description="Its first 80 characters")
    learners: int


class ItemFiguresOut(Schema):
    """A hidden row, or a criterion of a question."""

    number: int = Field(description="Its place in the file, from 1")
    id: str = Field(validation_alias="item.id")
    text: str = Field(validation_alias="item.text")
    expected: str = Field(validation_alias="item.expected")
    learners: int = Field(validation_alias="figures.learners")
    share_right: Share = Field(
        validation_alias="figures.share",
        description="Mean of its scores; of a criterion, the mean share of its points",
    )
    before: Share | None = Field(description="The same in the version that `against` names")
    discrimination: float | None = Field(
        validation_alias="figures.discrimination",
        ge=-1,
        le=1,
        description="Correlation with all other rows; null below twenty learners, or if all score the same",
    )
    wrong: list[WrongAnswerOut] = Field(description="The most common ones, over the last thousand learners")
    advice: HealthAdviceOut

    @staticmethod
    def resolve_wrong(row: health.Row) -> list[dict[str, Any]]:
        return [{"answer": answer, "learners": count} for answer, count in row.figures.wrong]


class ItemsOut(Schema):
    """The rows with figures: those that are probably wrong first, then the hardest."""

    challenge: str
    version: str
    track: Track
    items: list[ItemFiguresOut]


router = Router(tags=["health"])


def _challenge_of(request: Request, id: str, need: Scope) -> Challenge:
    challenge = catalogue.live().challenge(id)
    roles.refuse_unless(caller(request), challenge.course_id, need)
    return challenge


@router.get("/challenges/{slug:id}/health", response=ChallengeHealthOut, auth=someone)
def challenge_health(request: Request, id: str) -> dict[str, Any]:
    """Returns the figures of the newest versions of a challenge, each track by itself.

    A token needs `content:viewer` or `learner_data:viewer`.
    """
    challenge = catalogue.live().challenge(id)
    scope = health.refuse_unless_seen(caller(request), challenge)
    if not (allows(request, roles.VIEWS) or allows(request, roles.SEES_ANSWERS)):
        needed = "This call needs a token with content:viewer or learner_data:viewer. Make one on your profile."
        raise Refused("missing_scope", needed, 403)
    return {
        "challenge": challenge.slug,
        "versions": [
            {**health.line_of(one), "histogram": one.figures.histogram, "advice": one.advice}
            for one in health.lines(challenge, scope)
        ],
    }


@router.get("/challenges/{slug:id}/health/rows", response=ItemsOut, auth=requires(roles.EDITS))
def challenge_health_rows(
    request: Request, id: str, version: Name = "", track: Name = "", against: Name = ""
) -> dict[str, Any]:
    """Returns the hidden rows of a version, of the live one if none is named, with their figures."""
    challenge = _challenge_of(request, id, roles.EDITS)
    found = health.chosen(challenge, roles.scope_in(caller(request), challenge.course_id), version, track, against)
    if found is None:
        raise Http404
    shown, other, _versions = found
    health.note_look(shown)
    return {
        "challenge": challenge.slug,
        "version": shown.version.version,
        "track": shown.track,
        "items": shown.rows(other),
    }
