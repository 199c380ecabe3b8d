"""From what a client sent to a checked payload."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from challenges import payloads
from challenges.check import check
from challenges.field_checks import FieldProblem
from challenges.field_errors import BOUNDS, in_words, place
from challenges.kinds import registry as kinds
from challenges.kinds.base import TokenUse
from challenges.models import tokens
from challenges.rows import Sample
from challenges.spec import Challenge
from gradus.refusal import Refused


def parse(
    challenge: Challenge, data: Any, *, public: Sequence[Sample] = (), is_submission: bool = False
) -> payloads.Submitted:
    """Raises `Refused` with every problem, each naming its field and, for rows, its line.

    `public` are the public samples, which some kinds of payload must not repeat. A submission can be refused where a
    run on public samples is not.
    """
    try:
        payload = payloads.parse(data)
    except ValidationError as error:
        said = _("Some fields need a correction.")
        raise Refused("bad_payload", said, problems=_from(challenge, data, error)) from None
    except RecursionError:
        raise Refused("bad_payload", _("The JSON is nested too deeply.")) from None
    refuse(check(challenge, payload, counter(challenge), public))
    if is_submission:
        refuse(list(kinds.find(payload.kind).check_submission(challenge, payload)))
    return payload


def refuse(problems: Sequence[FieldProblem]) -> None:
    """Raises `Refused` with all problems, if there are any."""
    if problems:
        listed = [{"code": p.code, "field": p.field, "message": p.message, "line": p.line} for p in problems]
        raise Refused(problems[0].code, problems[0].message, problems=listed)


def token_use(challenge: Challenge, data: Any) -> TokenUse | None:
    """How much of the challenge's limit in tokens a payload uses.

    None where the payload is not as it should be, the kind has no such limit, or the model's tokenizer is not here.
    """
    try:
        payload = payloads.parse(data)
    except (ValidationError, RecursionError):
        return None
    count = tokens.counter(challenge.model) if challenge.model else None
    if count is None or payload.kind not in challenge.tracks:
        return None
    kind = kinds.find(payload.kind)
    return None if any(kind.check(challenge, payload)) else kind.tokens(challenge, payload, count)


def counter(challenge: Challenge) -> Callable[[str], int]:
    """The model's own tokenizer; where its file is not here yet, an upper estimate by bytes is not used: 0."""
    count = tokens.counter(challenge.model) if challenge.model else None
    return count or (lambda text: 0)


def _from(challenge: Challenge, data: Any, error: ValidationError) -> list[dict[str, Any]]:
    kind = kinds.find(data["kind"]) if isinstance(data, dict) and data.get("kind") in challenge.tracks else None
    problems = []
    for item in error.errors(include_url=False, include_input=False)[:50]:
        field, line = place(item["loc"])
        limit = kind.limit(challenge, data, field) if kind and item["type"] in BOUNDS else ""
        problems.append({"code": item["type"], "field": field, "message": limit or in_words(item), "line": line})
    return problems
