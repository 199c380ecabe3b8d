"""The judge's own words on the case page: vote by vote, as text and nothing else, and only where marks may show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import evidence, votes
from gradus.reviews.judge_store import Store
from gradus.reviews.models import Review
from gradus.submissions.models import Evaluation
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import MARKS
from tests.reviews.test_judging import RECORD

HOSTILE = "<script>alert(1)</script> {{ request.user }} says so"


def reply(reason: str, confidence: int, **changes: str) -> dict[str, Any]:
    rows = [
        {"id": id, "evidence": ["weights keep old facts"], "reason": reason, "mark": mark, "confidence": confidence}
        for id, mark in {**MARKS, **changes}.items()
    ]
    return {"criteria": rows, "contradictions": [], "addresses_grader": True}


def judged(user: User, *, kind: str = "review") -> Review:
    """Graded with three calls: one of doubt, one that sent nothing of use, one more."""
    submission = cases.submit(user)
    store = Store(submission.current, Judged)
    calls = [
        store.log(replace(RECORD, key="1", reply=reply(HOSTILE, 40, cause="met"))),
        store.log(replace(RECORD, key="2", reply=None, problem="unusable (length)")),
        store.log(replace(RECORD, key="3", reply=reply("It names half of it.", 95))),
    ]
    private: Mapping[str, Any] = {
        "calls": calls,
        "votes": [{**MARKS, "cause": "not_met"}, MARKS],
        "checks": [["addresses-grader", "low-confidence: cause", "no-evidence: cause"], []],
    }
    name = storages["private"].save(
        f"raw/{submission.pk}/1.json", ContentFile(json.dumps({"private": private}).encode())
    )
    factories.grade(
        submission, cases.score(MARKS), provisional=True, review=("provisional",), raw=name, result=cases.result()
    )
    Review.objects.filter(submission=submission).update(kind=kind)
    return Review.objects.get(submission=submission)


def test_what_the_judge_says_is_denied_stands_beside_its_votes(
    grace_client: Client, ada: User, explain: Challenge
) -> None:
    review = judged(ada)
    store = Store(review.evaluation, Judged)
    quotes = {"cause": ["weights keep old facts"], "remedy": ["It never said this."]}
    denials = [{"id": id, "denied": True, "evidence": quotes[id], "reason": HOSTILE} for id in quotes]
    calls = [
        store.log(replace(RECORD, key="4", reply={"denials": denials})),
        store.log(replace(RECORD, key="5", reply=None, problem="unusable (length)")),
    ]
    private = evidence.raw_result(review.evaluation)["private"]
    private |= {"denial_calls": calls, "denials": [{"cause": quotes["cause"], "remedy": []}]}
    found = votes.said(private, review.evaluation.version.parsed).by_criterion
    cause, remedy, myth = ([vote for vote in found[id] if vote.is_denial] for id in ("cause", "remedy", "no-myth"))
    assert [(vote.number, vote.denied, vote.checks, vote.problem) for vote in cause] == [
        (1, True, [], ""),
        (2, False, [], "unusable (length)"),
    ]
    assert cause[0].quotes == quotes["cause"] and cause[0].reason == HOSTILE
    assert remedy[0].checks == ["A quote does not occur in the answer"]
    assert myth == []
    assert [vote.mark for vote in found["cause"] if not vote.is_denial] == ["met", "", "partial"]
    name = storages["private"].save("raw/denials.json", ContentFile(json.dumps({"private": private}).encode()))
    Evaluation.objects.filter(pk=review.evaluation_id).update(raw=name)
    page = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "Asked whether the answer denies this (1)" in page
    assert re.findall(r"<p>\s*(Denied|Not denied)\s*</p>", page) == ["Denied", "Denied"]
    assert "<script>alert(1)" not in page


@pytest.fixture
def review(ada: User, explain: Challenge) -> Review:
    return judged(ada)


def test_votes_stand_side_by_side_with_their_checks_and_as_text(review: Review, grace_client: Client) -> None:
    case = evidence.case(review)
    first, second, third = case.lines[0].said
    assert (first.number, first.mark, first.counted, first.confidence) == (1, "met", "not_met", 40)
    assert first.reason == HOSTILE
    assert first.checks == [
        "The judge was unsure",
        "The judge marked this without a valid quote, so it counts as not met",
    ]
    assert (second.number, second.mark, second.problem) == (2, "", "unusable (length)")
    assert (third.mark, third.counted, third.reason, third.checks) == ("partial", "", "It names half of it.", [])
    assert [vote.checks for vote in case.lines[1].said] == [[], [], []]
    assert [line.is_disputed for line in case.lines] == [True, True, True]
    assert case.notes.said.overall == [(1, ["The answer speaks to its grader"])]
    line = case.lines[0]
    for said, is_disputed in (
        ([third], False),
        ([third, replace(third, number=2)], False),
        ([third, replace(third, mark="met")], True),
        ([replace(third, checks=["The judge was unsure"])], True),
    ):
        assert replace(line, said=said).is_disputed is is_disputed
    text = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ request.user }} says so" in text
    assert "confidence 40&nbsp;%" in text and "unusable (length)" in text and "counted as" in text


def test_a_blind_audit_shows_none_of_it(ada: User, explain: Challenge, grace_client: Client) -> None:
    review = judged(ada, kind="audit")
    assert all(line.said == [] for line in evidence.case(review).lines)
    text = grace_client.get(f"/reviews/{review.pk}/").content.decode()
    assert "It names half of it." not in text and "What the judge said" not in text


def test_no_learner_sees_it(review: Review, ada_client: Client) -> None:
    place = f"/submissions/{review.submission.uuid}"
    for text in (ada_client.get(f"{place}/").content.decode(), ada_client.get(f"/api/v1{place}").content.decode()):
        assert "weights keep old facts" in text
        assert "It names half of it." not in text and "alert(1)" not in text
    assert ada_client.get(f"/reviews/{review.pk}/").status_code == 404
