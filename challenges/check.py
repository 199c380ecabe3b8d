"""Everything for which the site refuses a payload at submit, in words that say how to fix it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from challenges.field_checks import FieldProblem
from challenges.kinds import registry as kinds
from challenges.models.token_counts import CountTokens
from challenges.payloads import Submitted
from challenges.rows import Sample
from challenges.spec import Challenge
from challenges.translation import gettext

PROBLEMS_MAX = 50


def check(
    challenge: Challenge, payload: Submitted, count_tokens: CountTokens, public: Sequence[Sample] = ()
) -> list[FieldProblem]:
    """What is wrong with `payload` for `challenge`, at most `PROBLEMS_MAX` problems; an empty list if nothing is.

    `public` are the challenge's public samples, which some kinds of payload must not repeat. Tokens are counted only
    where all else holds, so that no input costs more than its size. Raises nothing. The code of a kind that the
    challenge does not accept is `not_accepted_kind`; the others stand with the kinds.
    """
    if payload.kind not in challenge.tracks:
        said = gettext("This challenge does not accept the kind %(given)s: use one of %(accepted)s.")
        said %= {"given": payload.kind, "accepted": ", ".join(challenge.tracks)}
        return [FieldProblem("not_accepted_kind", "kind", said)]
    kind = kinds.find(payload.kind)
    found = chain(kind.check(challenge, payload), kind.check_public(challenge, payload, public))
    problems = list(islice(found, PROBLEMS_MAX))
    return problems or list(islice(kind.check_tokens(challenge, payload, count_tokens), PROBLEMS_MAX))
