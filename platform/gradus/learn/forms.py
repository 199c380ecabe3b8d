"""The form of a challenge's page, whichever kind it is: what was typed, and the payload in it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from challenges.spec import Challenge
from gradus.accounts.guests import learner
from gradus.learn.form_problems import Problem, of_refusal
from gradus.learn.kind_pages import Draft, page_of
from gradus.submissions.services import Refused


def started(spec: Challenge, kind: str, payload: Mapping[str, Any] | None = None) -> Draft:
    """The form of a kind that starts from an earlier payload, or from where the author lets a learner start."""
    return page_of(kind).form(kind, spec, payload)


def from_request(spec: Challenge, request: HttpRequest) -> Draft:
    """What was posted, as it was typed."""
    kind = kind_of(spec, request.POST.get("kind"))
    return page_of(kind).posted(kind, spec, request)


def payload_of(spec: Challenge, draft: Draft) -> dict[str, Any]:
    """The payload that a draft holds. Raises `Refused` where a part of the form cannot be read."""
    return page_of(draft.kind).payload(spec, draft)


def problems_of(refused: Refused, spec: Challenge, draft: Draft) -> list[Problem]:
    """A refusal as messages, each beside the field of the form that it is about."""
    return of_refusal(refused, page_of(draft.kind).fields(spec, draft))


def kind_of(spec: Challenge, asked: str | None) -> str:
    """The track that was asked for, or the one that passing asks for."""
    return next((kind for kind in spec.tracks if kind == asked), spec.kind)


def expect_whole(request: HttpRequest) -> None:
    """Raises `Refused` for a form without `kind`, which is not ours: else a blank attempt would be spent."""
    if "kind" not in request.POST:
        said = _("The form did not arrive completely: reload the page, and send it again from there.")
        raise Refused("bad_form", said, problems=[{"code": "bad_form", "field": "kind", "message": said}])


def expect_same_learner(request: HttpRequest) -> None:
    """Raises `Refused` where the session of the learner who opened the form has ended.

    Otherwise the attempt would be handed in by a new guest, and be missing from the learner's own.
    """
    meant, user = request.POST.get("learner", ""), learner(request)
    if meant and (user is None or meant != str(user.pk)):
        said = _("You are no longer signed in. Sign in again in another tab, then send this form again: it stays here.")
        raise Refused("bad_form", said, problems=[{"code": "bad_form", "field": "learner", "message": said}])
