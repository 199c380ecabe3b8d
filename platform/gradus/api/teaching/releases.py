"""The calls about the release of grades: the rules of a class, a release by hand, and a learner's own released grades.

A time without an offset is in the zone of the class.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.api.auth import Request, caller, requires, someone
from gradus.api.teaching.shared import SLUG_CHARS, Moment, Seen, SeenOut, challenge_named, class_of
from gradus.classes import changes, releases, times
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge
from gradus.gradebook import own, queries
from gradus.gradebook.table import Cell, Column
from gradus.submissions.results import releasing

When = Literal["now", "date", "hand"]
Part = Literal["score", "details"]
WHEN = "`now`: at once; `date`: at a date; `hand`: when a person releases them"


class ReleaseOfIn(Schema):
    challenge: str | None = Field(None, max_length=SLUG_CHARS, description="All challenges of the class if omitted")


class ReleaseRuleIn(ReleaseOfIn):
    """When learners see their score, and the details: results of public samples, marks and comments.

    Without a challenge, it is the rule of the class, for all challenges without a rule of their own. The details are
    never shown before the score.
    """

    score: When = Field(description=WHEN)
    score_at: Moment | None = Field(None, description="Required if `score` is `date`, and ignored otherwise")
    details: When = Field(description=WHEN)
    details_at: Moment | None = Field(None, description="Required if `details` is `date`, and ignored otherwise")
    provisional: bool | None = Field(
        None,
        strict=True,
        description="Whether a release at a date or by hand includes provisional grades; null: as it was",
    )
    seen: Seen = ""


class ReleaseNowIn(ReleaseOfIn):
    parts: list[Part] = Field(["score", "details"], min_length=1, max_length=2)
    provisional: bool = Field(
        False,
        strict=True,
        description="Release provisional grades too, which wait for a person, now and from now on",
    )


class ReleaseRuleOut(Schema):
    score: When
    score_at: datetime | None
    details: When
    details_at: datetime | None
    provisional: bool = Field(
        description="Whether a release at a date or by hand includes provisional grades. Otherwise each of them is "
        "released when it is final"
    )
    shown: list[Part] = Field(description="What learners see now of a new grade")
    by_hand: list[Part] = Field(description="What a person has released by hand, so that it is shown against the rule")
    seen: SeenOut


class ChallengeReleaseOut(ReleaseRuleOut):
    challenge: str
    title: str
    follows_class: bool = Field(description="Whether the rule of the class applies, because there is no own rule")
    withheld: int = Field(description="How many graded attempts have a score that their learners do not see")
    details_withheld: int = Field(description="How many show their learners the score without the details")
    withheld_provisional: int = Field(
        description="How many of `withheld` and `details_withheld` have provisional grades, which a release leaves out "
        "unless it says `provisional`"
    )
    ungraded: int = Field(description="How many attempts are being graded or wait for a person")


class ReleasesOut(Schema):
    timezone: str
    of_class: ReleaseRuleOut = Field(description="The rule for all challenges without a rule of their own")
    challenges: list[ChallengeReleaseOut]
    attempts: int = Field(description="How many attempts the call has released or withheld; 0 if it only reads")


class OwnGradeOut(Schema):
    challenge: str
    title: str
    worth: float = Field(description="The maximum points of the challenge, without extra credit for early attempts")
    state: Literal["none", "graded", "overridden", "excused"] = Field(
        description="`none`: there is no grade yet, or it is not released; `overridden`: a person has set the points"
    )
    points: float | None
    score: float | None = Field(description="The shown score of the attempt that counts, from 0 to 1")
    credit: float | None = Field(description="The share of the points that the dates allow for this attempt")
    late: bool = Field(validation_alias="is_late")


class OwnGradesOut(Schema):
    challenges: list[OwnGradeOut]
    points: float = Field(description="The sum of the points")
    possible: float = Field(description="The sum of the maximum points of the challenges with points")


def rule_out(rule: ReleaseRule) -> dict[str, Any]:
    settings = releases.settings_of(rule)
    hidden = {"score": rule.withholds_grade(), "details": rule.withholds_details()}
    return {
        **settings,
        "shown": [part for part in releases.PARTS if not hidden[part]],
        "by_hand": [part for part in releases.PARTS if getattr(rule, f"released_{part}_at")],
        "seen": changes.version_of(settings),
    }


def releases_out(of_class: Class, attempts: int = 0) -> ReleasesOut:
    rows = [
        {
            **rule_out(one.rule),
            "challenge": one.challenge.slug,
            "title": one.challenge.title,
            "follows_class": not one.is_own,
            "withheld": one.withheld,
            "details_withheld": one.details,
            "withheld_provisional": one.provisional + one.provisional_details,
            "ungraded": one.ungraded,
        }
        for one in releasing.overview(of_class, queries.challenges_of(of_class))
    ]
    own_rule = rule_out(releases.rule_of(of_class, None))
    given = {"timezone": of_class.timezone, "of_class": own_rule, "challenges": rows, "attempts": attempts}
    return ReleasesOut.model_validate(given)


def own_grade_out(column: Column, cell: Cell) -> dict[str, Any]:
    return {**vars(cell), "challenge": column.slug, "title": column.title, "worth": column.worth}


router = Router(tags=["classes"], auth=requires(DECIDES))


def _place(of_class: Class, slug: str | None) -> Challenge | None:
    return challenge_named(of_class, slug) if slug else None


@router.get("/classes/{int:id}/releases", response=ReleasesOut, auth=requires(SEES_ANSWERS))
def class_releases(request: Request, id: int) -> ReleasesOut:
    """Returns when grades of the class are released, and how many attempts are withheld at each challenge."""
    return releases_out(class_of(request, id))


@router.post("/classes/{int:id}/releases", response=ReleasesOut)
def class_release(request: Request, id: int, given: ReleaseNowIn) -> ReleasesOut:
    """Releases the grades of a challenge, or of all challenges, by hand.

    Later attempts are shown at once as well. Provisional grades are left out, and each is released when it is final,
    unless `provisional` is set.
    """
    of_class = class_of(request, id, DECIDES)
    place, parts = _place(of_class, given.challenge), tuple(dict.fromkeys(given.parts))
    done = releasing.release(of_class, place, by=caller(request), parts=parts, provisional=given.provisional)
    return releases_out(of_class, done)


@router.delete("/classes/{int:id}/releases", response=ReleasesOut)
def class_release_end(
    request: Request, id: int, challenge: Annotated[str, Query(max_length=SLUG_CHARS)] = ""
) -> ReleasesOut:
    """Ends a release by hand, so that the rule withholds later attempts again. What learners have seen stays."""
    of_class = class_of(request, id, DECIDES)
    place = _place(of_class, challenge)
    return releases_out(of_class, releasing.withhold_later(of_class, place, by=caller(request)))


@router.put("/classes/{int:id}/release-rule", response=ReleasesOut)
def class_release_rule(request: Request, id: int, given: ReleaseRuleIn) -> ReleasesOut:
    """Sets when grades of a challenge, or of the class, are released. What learners have seen stays visible to them."""
    of_class = class_of(request, id, DECIDES)
    names = ("score", "score_at", "details", "details_at")
    settings = times.read_all({name: getattr(given, name) for name in names}, of_class.timezone)
    if given.provisional is not None:
        settings["provisional"] = given.provisional
    place = _place(of_class, given.challenge)
    done = releasing.change_rule(of_class, place, by=caller(request), seen=given.seen, **settings)
    return releases_out(of_class, done)


@router.delete("/classes/{int:id}/release-rule", response=ReleasesOut)
def class_release_rule_remove(
    request: Request,
    id: int,
    challenge: Annotated[str, Query(max_length=SLUG_CHARS)],
    seen: Annotated[str, Query(max_length=40, description="The `seen` of the rule that the caller read")] = "",
) -> ReleasesOut:
    """Removes the own rule of a challenge, so that the rule of the class applies."""
    of_class = class_of(request, id, DECIDES)
    place = challenge_named(of_class, challenge)
    return releases_out(of_class, releasing.follow_class(of_class, place, by=caller(request), seen=seen))


@router.get("/classes/{int:id}/members/me/grades", response=OwnGradesOut, auth=someone)
def class_own_grades(request: Request, id: int) -> dict[str, Any]:
    """Returns the caller's own grades in a class, as far as they are released, also after the caller left it."""
    found = own.grades_of(own.member_of(caller(request), get_object_or_404(Class, pk=id)))
    rows = [own_grade_out(column, cell) for column, cell in found.rows]
    return {**vars(found.total), "challenges": rows}
