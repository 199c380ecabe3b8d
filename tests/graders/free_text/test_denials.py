"""The call that asks what an answer denies: when it is made, what it says, and what follows from its replies."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.attacks.replay import denials
from challenges.kinds.rubric import free_text
from graders.base import DENIALS, MARKS, Judge, JudgeId, Mark
from graders.free_text.judge.messages import denial_item, judge_item
from graders.free_text.judge.reply import is_usable
from tests.graders.free_text.judges import (
    GOOD,
    GOOD_MARKS,
    JUDGE,
    bundle_of,
    graded,
    nothing_denied,
    question,
    quoting,
    says,
)
from tests.graders.free_text.judges import RUBRIC as RUBRIC_ROWS

BUNDLE = bundle_of()
RUBRIC = free_text(question()).rubric
HONEST = says(GOOD_MARKS, quoting(GOOD, RUBRIC))
QUOTE = "saves the nitrogen"


def denying(**quotes: str) -> Any:
    """Replies that call these criteria denied, each with a quote; an underscore stands for a hyphen."""
    given = {id.replace("_", "-"): [quote] for id, quote in quotes.items()}
    return lambda item: denials({id: given.get(id, ()) for id in item.criteria})


def test_an_answer_that_would_end_final_with_points_is_asked_about_once() -> None:
    result, calls = graded(BUNDLE, GOOD, lambda _: HONEST)
    assert [call.stage for call in calls] == ["judge", "denial"]
    assert (result.review, result.score, result.private["denials"]) == ((), 1, [{}])
    assert (result.private["calls"], result.private["denial_calls"]) == ([1], [2])


@pytest.mark.parametrize("calibrated", [None, frozenset({JUDGE})], ids=["calibration", "site"])
def test_what_is_met_and_denied_goes_to_a_person(calibrated: frozenset[JudgeId] | None) -> None:
    result, calls = graded(BUNDLE, GOOD, lambda _: HONEST, denies=denying(broken_down=QUOTE), calibrated=calibrated)
    assert [call.stage for call in calls] == ["judge", "denial", "denial-2"]
    assert (result.review, result.provisional, result.private["rule"]) == (
        ("denied: broken-down",),
        True,
        "denied: broken-down",
    )
    assert result.score == 1
    assert result.private["denials"] == [{"broken-down": (QUOTE,)}] * 2


def test_one_call_of_two_is_outvoted() -> None:
    def once(item: Judge) -> dict[str, Any]:
        said: dict[str, Any] = (denying(absorbs=QUOTE) if item.stage == "denial" else nothing_denied)(item)
        return said

    result, calls = graded(BUNDLE, GOOD, lambda _: HONEST, denies=once)
    assert (len(calls), result.review) == (3, ())


def test_a_denial_without_a_quote_of_the_answer_is_only_a_doubt() -> None:
    result, calls = graded(BUNDLE, GOOD, lambda _: HONEST, denies=denying(absorbs="Leaves are never green."))
    assert (len(calls), result.review) == (3, ())
    assert result.private["denials"] == [{"absorbs": ()}] * 2

    def quoted_later(item: Judge) -> dict[str, Any]:
        said: dict[str, Any] = denying(absorbs="Never." if item.stage == "denial" else QUOTE)(item)
        return said

    shown, _ = graded(BUNDLE, GOOD, lambda _: HONEST, denies=quoted_later)
    assert shown.review == ("denied: absorbs",)


def test_what_earns_nothing_may_be_denied() -> None:
    marks = GOOD_MARKS | {"broken-down": "not_met"}
    partly = says(marks, quoting(GOOD, RUBRIC))
    result, calls = graded(BUNDLE, GOOD, lambda _: partly, denies=denying(broken_down=QUOTE))
    assert result.marks[1].mark is Mark.NOT_MET
    assert [call.stage for call in calls if call.asks == DENIALS] == ["denial"]
    assert result.review == ()


def test_nobody_asks_about_answers_that_a_person_sees_anyway_or_that_earn_nothing() -> None:
    shut, calls = graded(BUNDLE, GOOD, lambda _: HONEST, calibrated=frozenset())
    assert (shut.review, {call.asks for call in calls}) == (("no-calibration",), {MARKS})
    nothing = says(dict.fromkeys(GOOD_MARKS, "not_met"), {})
    zero, calls = graded(BUNDLE, "Leaves are what they are, and I never asked why.", lambda _: nothing)
    assert (zero.score, {call.asks for call in calls}) == (0, {MARKS})
    # Nor where only what cannot be denied earns points.
    marks = {"absorbs": "not_met", "broken-down": "not_met", "no-new-paint": "met"}
    _, calls = graded(BUNDLE, "My grandmother 7 painted leaves.", lambda _: says(marks, {}))
    assert {call.asks for call in calls} == {MARKS}
    forbidden = question(rubric=[{**row, "kind": "must_not_claim"} for row in RUBRIC_ROWS])
    result, calls = graded(bundle_of(forbidden), GOOD, lambda _: HONEST)
    assert (result.score, {call.asks for call in calls}) == (1, {MARKS})


@pytest.mark.parametrize("reply", [None, {}, HONEST, denials({"absorbs": ()}), denials({"x": (), "y": ()})])
def test_a_reply_that_cannot_be_used_leaves_the_answer_to_a_person(reply: Any) -> None:
    result, _ = graded(BUNDLE, GOOD, lambda _: HONEST, denies=lambda _: reply, problem="unusable (length)")
    assert (result.review, result.provisional, result.score) == (("denials-unchecked",), True, 1)
    spent, _ = graded(BUNDLE, GOOD, lambda _: HONEST, denies=lambda _: None, problem="budget")
    assert spent.review == ("denials-unchecked: budget",) and "budget" in spent.private["problems"]


def test_the_call_names_no_marks_and_leaves_out_forbidden_claims() -> None:
    item = denial_item(BUNDLE, GOOD, 0)
    assert item.criteria == ("absorbs", "broken-down")
    text = "\n".join(message["content"] for message in item.messages)
    assert "no-new-paint" not in text
    assert not [
        word
        for word in ("points_max", "would_be_met_by", "pass_mark", *map(str, GOOD_MARKS.values()))
        if f'"{word}"' in text
    ]
    assert item.messages[-1] == judge_item(BUNDLE, GOOD, 0).messages[-1]
    again = denial_item(BUNDLE, GOOD, 1)
    assert sorted(again.criteria) == sorted(item.criteria)


def test_only_the_form_that_was_asked_for_can_be_used() -> None:
    asks, marks = denial_item(BUNDLE, GOOD, 0), judge_item(BUNDLE, GOOD, 0)
    assert is_usable(nothing_denied(asks), asks) and is_usable(HONEST, marks)
    assert not is_usable(HONEST, asks) and not is_usable(nothing_denied(asks), marks)
