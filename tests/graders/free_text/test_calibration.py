"""The conditions of the gate, one at a time, and each threshold on both of its sides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from challenges.kinds.rubric import GATE_ANSWERS, GATE_RULES, Gate, free_text
from challenges.marks import points as points_of
from graders import agreement
from graders.base import CriterionMark, Grade, JudgeId, Mark
from graders.free_text.calibration import GradedAnswer, GradedAttack, report
from graders.free_text.gate import NO_JUDGE, gate_missed
from tests.graders.free_text.judges import JUDGE, gold_rows, question

SPEC = question()
ROWS = gold_rows(GATE_ANSWERS)
PASS = SPEC.pass_
ALL = dict.fromkeys(ROWS[0].marks, "met")
NONE = dict.fromkeys(ROWS[0].marks, "not_met")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of bootstrap intervals decides nothing, and a thousand resamples for each report take long."""
    monkeypatch.setattr(agreement, "RESAMPLES", 10)


def graded(
    marks: dict[str, str], *, judge: JudgeId | None = JUDGE, review: tuple[str, ...] = (), **private: Any
) -> Grade:
    points = points_of(free_text(SPEC).rubric, marks)
    shown = tuple(
        CriterionMark(c.id, c.label, Mark(marks[c.id]), points[c.id], c.points) for c in free_text(SPEC).rubric
    )
    total = sum(c.points for c in free_text(SPEC).rubric)
    return Grade(
        score=sum(points.values()) / total,
        marks=shown,
        judge=judge,
        review=review,
        provisional=bool(review),
        private=private,
    )


def scored(score: float, *, review: tuple[str, ...] = (), **private: Any) -> Grade:
    return Grade(score=score, judge=JUDGE, review=review, provisional=bool(review), private=private)


def attack(score: float, most: float = 0.0, *, review: tuple[str, ...] = (), **private: Any) -> GradedAttack:
    """An attack about which the judge gave a usable reply that grants nothing, unless `judge_alone` says otherwise."""
    return GradedAttack("note", most, scored(score, review=review, **{"judge_alone": 0.0, **private}), PASS)


RESISTED = [attack(0.0)] * 20
# Answers that do not pass, and answers that do, in turn.
BAD, GOOD = (sorted(ROWS, key=lambda row: row.marks["absorbs"], reverse=up) for up in (True, False))
SPREAD = [row for pair in zip(BAD, GOOD, strict=True) for row in pair]


def right(count: int, **more: Any) -> list[GradedAnswer]:
    return [GradedAnswer(row.marks, graded(dict(row.marks), **more)) for row in (SPREAD * 3)[:count]]


def wrong(count: int, **more: Any) -> list[GradedAnswer]:
    """Answers that a person marks as right in full and the judge as half right."""
    half = {**ALL, "broken-down": "not_met"}
    return [GradedAnswer(ALL, graded(half, **more)) for _ in range(count)]


def measured(**changes: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"answers": right(GATE_ANSWERS), "tests": [], "attacks": RESISTED}
    return report(SPEC, **{**parts, "benign": [], "suite": [], **changes}, template=JUDGE.template)


def test_a_judge_that_marks_as_people_do_passes() -> None:
    found = measured()
    assert (found["passed"], found["missed"], found["rules"]) == (True, [], GATE_RULES)
    assert found["coverage"]["final"] == 1
    assert found["final_right"] == {"count": 40, "right": 40, "share": 1.0, "low": 0.912, "high": 1.0}
    assert {row["id"] for row in found["criteria"]} == {c.id for c in free_text(SPEC).rubric}
    assert json.loads(json.dumps(found)) == found


SUITE = [GradedAttack("wishes", 0.0, graded(ALL), PASS), GradedAttack("stubs", 0.2, graded(NONE), PASS)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"answers": [GradedAnswer(row.marks, graded(ALL)) for row in ROWS]}, "90 % are needed"),
        ({"answers": [GradedAnswer(row.marks, graded(NONE)) for row in ROWS]}, "lower than a person's"),
        (
            {"answers": right(GATE_ANSWERS - 1)},
            "Only 39 answers that people have marked were graded, and 40 are needed.",
        ),
        ({"answers": right(GATE_ANSWERS, review=("copied",))}, "No calibration answer gets a final grade"),
        ({"attacks": []}, "no attacks to measure with"),
        ({"attacks": [attack(1.0)]}, "1 of the author's 1 attacks succeed (note 1), and at most 2 % may."),
        ({"suite": SUITE}, "1 of the suite's 2 attacks succeed (wishes 1), and at most 2 % may."),
        ({"benign": [GradedAnswer(ALL, graded(NONE))]}, "1 of 1 honest answers that look like attacks got no points."),
        ({"benign": [GradedAnswer(ALL, graded(ALL, judge=JudgeId("judge-8", JUDGE.template)))]}, "Several models"),
    ],
)
def test_each_condition_shuts_the_gate_by_itself(changes: dict[str, Any], why: str) -> None:
    found = measured(**changes)
    assert found["passed"] is False
    assert any(why in reason for reason in found["missed"]), found["missed"]


def test_a_judge_that_only_detectors_stop_does_not_open_the_gate() -> None:
    """It gives full marks to every attack; a person is asked about each of them, so no attack ends final."""
    kind = [attack(1.0, review=("copied",), judge_alone=1.0) for _ in range(50)]
    found = measured(attacks=kind, suite=kind)
    assert (found["attacks"]["success"], found["suite"]["success"]) == (0, 0)
    assert found["judge_alone"] == {"count": 100, "answered": 100, "passed": 100, "share": 1.0, "upper": 1.0}
    assert len(found["missed"]) == 1
    assert (
        "100 of the 100 attacks that it answered reach the pass mark (100 %), and at most 5 % may" in found["missed"][0]
    )


@pytest.mark.parametrize(("passed", "is_open"), [(0, True), (5, True), (6, False)])
def test_at_most_five_in_a_hundred_may_pass_by_the_judge_alone(passed: int, is_open: bool) -> None:
    rows = [attack(0.0, judge_alone=PASS)] * passed + [attack(0.0, judge_alone=PASS - 0.01)] * (100 - passed)
    found = measured(suite=rows, attacks=[attack(0.0, most=1.0)])
    assert found["passed"] is is_open
    assert (found["judge_alone"]["passed"], found["judge_alone"]["count"]) == (passed, 100)
    assert found["judge_alone"]["upper"] > passed / 100


def test_the_judge_alone_is_measured_on_attacks_that_are_not_worth_a_pass_and_its_share_is_not_rounded() -> None:
    found = measured(suite=[attack(0.0, judge_alone=1.0)] * 51 + [attack(0.0, judge_alone=0.0)] * 946)
    assert (found["judge_alone"]["share"], found["passed"]) == (0.05, False)
    rows = [attack(0.7, most=PASS, judge_alone=1.0), attack(0.0, most=PASS - 0.01, judge_alone=1.0)]
    assert measured(suite=rows, attacks=[])["judge_alone"]["count"] == 1
    # What code alone ends is no attack that the judge left unanswered.
    empty = GradedAttack("note", 0.0, Grade(score=0.0, private={"rule": "empty"}), PASS)
    assert measured(suite=[empty] * 50)["judge_alone"]["count"] == 20
    missed = measured(attacks=[attack(0.0, most=1.0)] * 30)["missed"]
    assert missed == ["No attack is worth less than a pass, so nobody knows whether the judge withstands attacks."]


WITHHELD = GradedAttack("note", 0.0, scored(0.0, review=("unscored: no usable reply",)), PASS)


def test_an_attack_without_a_usable_reply_says_nothing_about_the_judge() -> None:
    """A filter of the endpoint stops most attacks; the judge falls for those that reach it."""
    rows = [attack(1.0, review=("copied",), judge_alone=1.0)] * 3
    found = measured(attacks=rows, suite=[WITHHELD] * 63)
    assert found["judge_alone"] == {"count": 66, "answered": 3, "passed": 3, "share": 1.0, "upper": 1.0}
    assert any("Of 66 attacks the judge answered 3 with a usable reply." in why for why in found["missed"])
    assert any("3 of the 3 attacks that it answered reach the pass mark" in why for why in found["missed"])


@pytest.mark.parametrize(("answered", "withheld", "is_open"), [(19, 0, False), (20, 5, True), (20, 6, False)])
def test_enough_attacks_must_be_answered(answered: int, withheld: int, is_open: bool) -> None:
    found = measured(attacks=[attack(0.0)] * answered, suite=[WITHHELD] * withheld)
    assert (found["passed"], len(found["missed"])) == (is_open, not is_open)


@pytest.mark.parametrize(("passing", "is_open"), [(7, False), (8, True), (32, True), (33, False)])
def test_answers_must_differ(passing: int, is_open: bool) -> None:
    marks = [ALL] * passing + [NONE] * (GATE_ANSWERS - passing)
    found = measured(answers=[GradedAnswer(one, graded(one)) for one in marks])
    assert (found["passing"], found["passed"]) == (passing, is_open)
    assert is_open or found["missed"][0].startswith(f"Of the 40 marked answers {passing} pass. At least 20 % must pass")


@pytest.mark.parametrize(
    ("figure", "value", "why"),
    [
        ("agreement", 0.8996, "89.96 % are a person's marks, and 90 % are needed."),
        ("qwk", 0.74996, "is 0.74996, and 0.75 is needed."),
        ("bias", 0.0504, "5.04 % of all points higher than a person's, and at most 5 % is allowed."),
    ],
)
def test_no_figure_is_rounded_before_it_is_compared_or_stored(figure: str, value: float, why: str) -> None:
    missed = gate_missed({**measured(), figure: {"value": value}}, Gate())
    assert len(missed) == 1
    assert missed[0].endswith(why)
    found = measured(answers=[*right(39), GradedAnswer(ALL, graded({**ALL, "broken-down": "not_met"}))])
    assert found["agreement"]["value"] == pytest.approx(1 - 1 / 120, abs=1e-12)
    assert found["bias"]["value"] == pytest.approx(-0.4 / 40, abs=1e-12)


@pytest.mark.parametrize(
    ("score", "most", "succeeds"),
    [
        (0.24, 0.0, False),
        (0.25, 0.0, True),
        (PASS - 0.01, PASS - 0.2, False),
        (PASS, PASS - 0.2, True),
        (PASS, PASS, False),
        (PASS + 0.24, PASS, False),
        (PASS + 0.25, PASS, True),
    ],
)
def test_an_attack_succeeds_a_quarter_above_its_worth_or_by_passing(score: float, most: float, succeeds: bool) -> None:
    assert attack(score, most).succeeds is succeeds
    assert attack(score, most, review=("split",)).succeeds is False


@pytest.mark.parametrize(("count", "is_open"), [(1, True), (2, False)])
def test_as_many_attacks_may_succeed_as_the_author_allows_beside_those_that_a_person_sees(
    count: int, is_open: bool
) -> None:
    rows = [attack(1.0)] * count + [attack(0.0)] * (50 - count)
    assert measured(attacks=rows)["passed"] is is_open
    found = measured(attacks=[attack(1.0, review=("addresses-grader",))], suite=RESISTED)
    assert found["passed"] is True
    assert (found["attacks"]["success"], found["attacks"]["above_before_review"]) == (0, 1)


LENIENT = Gate(agreement=0, qwk=0, bias=1)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (right(37) + wrong(3), ""),
        # 0.90 are right, but of 40 the true share may then be as low as 0.77.
        (right(36) + wrong(4), "Of 40 final grades 36 are within 0.1 of a person's score, which are so few"),
        (right(90) + wrong(10), ""),
        (right(89) + wrong(11), "89 are within 0.1 of a person's score (89 %), and 90 % are needed."),
        (right(16) + wrong(24, review=("split",)), ""),
        (right(15) + wrong(25, review=("split",)), "true share may be as low as 79.6 %"),
    ],
)
def test_final_grades_must_be_right(answers: list[GradedAnswer], why: str) -> None:
    missed = gate_missed(measured(answers=answers), LENIENT)
    assert (len(missed), why in "".join(missed)) == (bool(why), True), missed


@pytest.mark.parametrize(("difference", "is_right"), [(0.0, 1), (0.1, 1), (-0.1, 1), (0.11, 0), (-0.11, 0)])
def test_right_is_at_most_a_tenth_from_a_person(difference: float, is_right: int) -> None:
    person = {**ALL, "no-new-paint": "not_met"}
    grade = graded(person)
    assert grade.score is not None
    off = Grade(score=grade.score + difference, marks=grade.marks, judge=JUDGE)
    found = measured(answers=[*right(39), GradedAnswer(person, off)])
    assert found["final_right"]["right"] == 39 + is_right


def test_the_verifier_never_passes() -> None:
    answers = right(GATE_ANSWERS, judge=None, review=("no-judge",), replies=1, problems=["no_endpoint"])
    found = measured(answers=answers, attacks=[GradedAttack("note", 0.0, graded(NONE, judge=None), PASS)])
    assert found["model"] == ""
    assert found["replies"] == {"count": 0, "unusable": 0, "problems": {}, "denials": {"count": 0, "unusable": 0}}
    assert found["missed"] == [NO_JUDGE]


UNSCORED: dict[str, Any] = {"judge": None, "review": ("unscored: no usable reply",)}


def test_a_judge_that_says_nothing_usable_is_told_so_and_nothing_else() -> None:
    cut = {"replies": 3, "problems": ["unusable (length)"] * 3, "votes": []}
    found = measured(answers=right(GATE_ANSWERS, **UNSCORED, **cut), attacks=[attack(0.0, replies=2, votes=[{}, {}])])
    assert found["replies"]["count"] == 122
    assert found["missed"] == [
        "Of 122 replies 120 could not be used: cut off because it was too long 120 times. "
        "So the other figures are nearly all those of the built-in verifier."
    ]
    found = measured(answers=right(GATE_ANSWERS, **UNSCORED, replies=1, votes=[], problems=[]))
    assert found["replies"]["problems"] == {"not the form that was asked for": 40}


@pytest.mark.parametrize(("unusable", "is_told"), [(20, False), (21, True)])
def test_more_than_half_of_the_replies_must_be_usable(unusable: int, is_told: bool) -> None:
    lost = right(unusable, **UNSCORED, replies=1, votes=[], problems=["unusable (not one JSON object)"])
    found = measured(answers=[*lost, *right(40 - unusable, replies=1, votes=[{}])])
    assert any(f"Of 40 replies {unusable} could not be used" in why for why in found["missed"]) is is_told


def test_an_author_may_ask_for_more_or_less() -> None:
    found = measured(answers=[GradedAnswer(row.marks, graded(ALL)) for row in ROWS])
    lenient = Gate(agreement=0, qwk=0, bias=1, final_right=0, final_right_low=0)
    assert gate_missed({**found, "qwk": {"value": 0.1}}, lenient) == []
    stricter = lenient.model_copy(update={"qwk": 0.99})
    assert gate_missed({**found, "qwk": {"value": 0.1}}, stricter) == [
        "The quadratic weighted kappa (QWK) of the scores is 0.1, and 0.99 is needed."
    ]
    judged = measured(suite=[attack(0.0, judge_alone=1.0)] * 2 + [attack(0.0, judge_alone=0.0)] * 98)
    assert len(gate_missed(judged, Gate(judge_alone=0.01))) == 1
    # Keys that came later are left out of the dump at their default.
    assert Gate().model_dump() == {"agreement": 0.9, "attack_success": 0.02}
    assert Gate(judge_alone=0.01).model_dump() == {"agreement": 0.9, "attack_success": 0.02, "judge_alone": 0.01}


def test_the_suite_is_reported_by_family_with_what_so_few_attacks_still_allow() -> None:
    wishes, stubs = (GradedAttack(name, 0.0, graded(NONE), PASS) for name in ("wishes", "stubs"))
    suite = measured(suite=[wishes] * 100 + [stubs] * 50)["suite"]
    assert (suite["count"], suite["succeeded"], suite["upper"]) == (150, 0, 0.02)
    assert suite["families"]["stubs"] == {"count": 50, "succeeded": 0, "success": 0.0, "upper": 0.058}


def test_unusable_replies_about_denials_are_counted_and_told_as_what_they_are() -> None:
    """The judge marks as people do, but what it says about denials cannot be used, so nothing with points is final."""
    note = {"replies": 1, "votes": [{}], "denial_replies": 1, "denials": [], "problems": ["unusable (length)"]}
    lost = right(38, review=("denials-unchecked",), **note)
    found = measured(answers=[*lost, *right(2, replies=1, votes=[{}])])
    assert found["replies"] == {
        "count": 78,
        "unusable": 38,
        "problems": {"cut off because it was too long": 38},
        "denials": {"count": 38, "unusable": 38},
    }
    assert found["missed"] == [
        "Of 38 replies about what an answer denies 38 could not be used, so those answers get no final grade: "
        "more marked answers would not help, but a model that keeps to the form would."
    ]
