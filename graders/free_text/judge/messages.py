"""Builds the messages to the judge: a fixed prefix (instructions, question, rubric, examples), then the answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from challenges.bundle import ChallengeBundle, sha256_of
from challenges.kinds.rubric import Criterion, free_text
from challenges.spec import Challenge
from graders.base import DENIALS, Judge
from graders.free_text.judge.reply import denials_schema, reply_schema
from graders.free_text.judge.templates import DEFAULT, denial_instructions, instructions

VOTES = 3
VOTES_IF_SPLIT = 5
# The layout of the fixed prefix. Like the instructions, it is part of a template's digest.
_TITLES = ("Question", "Model answer (one of many good ones)", "Criteria", "Answers that the author has marked")
_KEYS = ("id", "kind", "partial_allowed", "criterion", "would_be_met_by", "would_not_be_met_by")
_DENIAL_TITLES = ("Question", "Points")
_POINT_KEYS = ("id", "point", "said_for_example")


@cache
def version(template: str = "") -> str:
    """Returns the name and digest of a template, as `criteria-1@0123456789ab`. Raises KeyError for an unknown name.

    The digest covers everything in the calls except the content of the question: instructions, layout and schemas, also
    of the call about denials, which is the same for all templates.
    """
    parts = [instructions(template), _TITLES, _KEYS, reply_schema(("id",))]
    parts += [denial_instructions(), _DENIAL_TITLES, _POINT_KEYS, denials_schema(("id",))]
    return f"{template or DEFAULT}@{sha256_of(parts)[:12]}"


def judge_item(bundle: ChallengeBundle, text: str, vote: int, template: str = "") -> Judge:
    """Returns the call of the judge with number `vote`, from 0, about the cleaned answer `text`.

    Calls after the first have the criteria in another order. The points, the pass mark and the learner's identity are
    not sent.
    """
    challenge = bundle.challenge
    rubric = _order(free_text(challenge).rubric, vote)
    messages = (
        {"role": "system", "content": instructions(template)},
        {"role": "user", "content": _static(challenge, bundle, rubric)},
        {"role": "user", "content": _answer(bundle, text, template)},
    )
    ids = tuple(c.id for c in rubric)
    return Judge(messages, reply_schema(ids), version(template), ids, "judge" if vote == 0 else f"judge-{vote + 1}")


def denial_item(bundle: ChallengeBundle, text: str, call: int, template: str = "") -> Judge:
    """Returns the call with number `call`, from 0, that asks what the cleaned answer `text` denies.

    Criteria of kind must_not_claim are left out: an answer that denies a forbidden claim does what it should.
    """
    challenge = bundle.challenge
    rubric = [c for c in free_text(challenge).rubric if c.kind != "must_not_claim"]
    asked = _order(rubric, call)
    points = [dict(zip(_POINT_KEYS, (c.id, c.text, c.accept), strict=True)) for c in asked]
    messages = (
        {"role": "system", "content": denial_instructions()},
        {"role": "user", "content": _layout(_DENIAL_TITLES, (free_text(challenge).question, points))},
        {"role": "user", "content": _answer(bundle, text, template)},
    )
    ids = tuple(c.id for c in asked)
    stage = "denial" if call == 0 else f"denial-{call + 1}"
    return Judge(messages, denials_schema(ids), version(template), ids, stage, DENIALS)


def _order(rubric: Sequence[Criterion], vote: int) -> tuple[Criterion, ...]:
    if vote == 0:
        return tuple(rubric)
    # The same vote always has the same order, so that its cached reply is found.
    return tuple(sorted(rubric, key=lambda c: hashlib.sha256(f"{vote}|{c.id}".encode()).hexdigest()))


def _static(challenge: Challenge, bundle: ChallengeBundle, rubric: Sequence[Criterion]) -> str:
    criteria = [
        dict(zip(_KEYS, (c.id, c.kind, c.partial == "half", c.text, c.accept, c.reject), strict=True)) for c in rubric
    ]
    graded = [{"answer": gold.answer, "marks": gold.marks} for gold in bundle.gold if gold.is_example]
    parts = (free_text(challenge).question, free_text(challenge).model_answer, criteria, graded)
    return _layout(_TITLES, parts)


def _layout(titles: Sequence[str], parts: Sequence[Any]) -> str:
    pairs = zip(titles, parts, strict=True)
    return "\n\n".join(f"{title}:\n{json.dumps(part, ensure_ascii=False)}" for title, part in pairs)


def _answer(bundle: ChallengeBundle, text: str, template: str) -> str:
    # Unpredictable without the private digest, but always the same for the same answer, so that replies can be cached.
    boundary = hashlib.sha256(f"{version(template)}|{bundle.digest}|{text}".encode()).hexdigest()[:24]
    return f"ANSWER {boundary}\n{json.dumps(text, ensure_ascii=False)}\nEND {boundary}"
