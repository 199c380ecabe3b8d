"""Pairs of answers: which there are, what the caller chose, and the choices as training rows."""

from typing import Any, Literal

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.courses.models import Challenge
from gradus.learn.kinds.jsonl import json_lines, jsonl_file
from gradus.learn.kinds.tune.views import challenge_with_pairs
from gradus.preferences import services
from gradus.preferences.models import Side
from gradus.submissions.services import Refused

CHOSEN = "1 or 2: the first or the second of `answers`; 0: neither"


class PairOut(Schema):
    """Two answers to one prompt, in the order in which this caller is shown them."""

    id: str
    prompt: str
    answers: list[str]
    shown: str = Field(description="Stands for exactly these texts in this order; send it with the choice")
    chosen: int | None = Field(description=f"{CHOSEN}; null: not chosen yet")


class PairsOut(Schema):
    wanted: int = Field(description="How many choices the challenge asks for")
    chosen: int = Field(description="How many of the pairs have a chosen answer")
    pairs: list[PairOut]


class ChoiceIn(Schema):
    id: str = Field(max_length=64)
    shown: str = Field(max_length=16)
    chosen: Literal[0, 1, 2] = Field(description=CHOSEN)


router = Router(tags=["challenges"], auth=someone)


JSON_LINES: dict[str, Any] = {
    "responses": {
        200: {"description": "One row on each line", "content": {"application/jsonl": {"schema": {"type": "string"}}}}
    }
}


def _pairs(request: Request, found: Challenge) -> PairsOut:
    pairs = services.pairs_of(caller_or_none(request), found)
    return PairsOut(
        wanted=pairs.wanted,
        chosen=pairs.chosen,
        pairs=[
            PairOut(
                id=pair.id, prompt=pair.prompt, answers=[pair.first, pair.second], shown=pair.shown, chosen=pair.chosen
            )
            for pair in pairs.all
        ],
    )


@router.get("/challenges/{slug:id}/choices", response=PairsOut, auth=anyone, openapi_extra=OPTIONAL)
def choices(request: Request, id: str) -> PairsOut:
    """Returns pairs of answers, each in the caller's own order, with what the caller chose.

    A challenge without pairs is not found here.
    """
    return _pairs(request, challenge_with_pairs(request, id))


@router.put("/challenges/{slug:id}/choices", response=PairsOut)
def choose(request: Request, id: str, payload: ChoiceIn) -> PairsOut:
    """Stores a choice between two answers at once. A second choice of the same pair takes the place of the first."""
    found = challenge_with_pairs(request, id)
    pair = services.seen(found, payload.id, payload.shown)
    if pair is None:
        raise Refused("other_content", _("This pair is not there, or has changed. List the pairs again."), 409)
    services.choose(caller(request), found, pair, Side(payload.chosen))
    return _pairs(request, found)


@router.delete("/challenges/{slug:id}/choices", response=PairsOut)
def choices_delete(request: Request, id: str) -> PairsOut:
    """Deletes all choices of the caller at this challenge."""
    found = challenge_with_pairs(request, id)
    services.forget(caller(request), found)
    return _pairs(request, found)


@router.get("/challenges/{slug:id}/choices.jsonl", openapi_extra=JSON_LINES)
def choices_export(request: Request, id: str) -> HttpResponse:
    """Returns the caller's choices as training rows with prompt, chosen and rejected answer, as JSON Lines."""
    found = challenge_with_pairs(request, id)
    return jsonl_file(json_lines(services.rows_of(caller(request), found)), f"{id}-choices.jsonl")
