"""The conditions of the gate, one at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from challenges.kinds.rubric import Gate, free_text
from challenges.marks import points as points_of
from graders.base import CriterionMark, Grade, JudgeId, Mark
from graders.free_text.calibration import GradedAnswer, GradedAttack, gate_missed, report
from tests.graders.free_text.judges import JUDGE, gold_rows, question

SPEC = question()
ROWS = gold_rows(24)


def graded(marks: dict[str, str], *, judge: JudgeId | None = JUDGE, review: tuple[str, ...] = ()) -> Grade:
    points = points_of(free_text(SPEC).rubric, marks)
    shown = tuple(
        CriterionMark(c.id, c.label, Mark(marks[c.id]), points[c.id], c.points) for c in free_text(SPEC).rubric
    )
    total = sum(c.points for c in free_text(SPEC).rubric)
    return Grade(score=sum(points.values()) / total, marks=shown, judge=judge, review=review, provisional=bool(review))


def measured(**changes: Any) -> dict[str, Any]:
    answers = [GradedAnswer(row.marks, graded(dict(row.marks))) for row in ROWS]
    attacks = [GradedAttack("note", 0.0, graded(dict.fromkeys(ROWS[0].marks, "not_met")))]
    parts: dict[str, Any] = {"answers": answers, "tests": [], "attacks": attacks, "benign": [], "suite": []}
    return report(SPEC, **{**parts, **changes}, template=JUDGE.template)


def test_a_judge_that_marks_as_people_do_passes() -> None:
    found = measured()
    assert (found["passed"], found["missed"]) == (True, [])
    assert found["coverage"]["final"] == 1
    assert {row["id"] for row in found["criteria"]} == {c.id for c in free_text(SPEC).rubric}
    assert json.loads(json.dumps(found)) == found


ALL = dict.fromkeys(ROWS[0].marks, "met")
NONE = dict.fromkeys(ROWS[0].marks, "not_met")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"answers": [GradedAnswer(row.marks, graded(ALL)) for row in ROWS]}, "agreement below 0.9"),
        ({"answers": [GradedAnswer(row.marks, graded(NONE)) for row in ROWS]}, "bias beyond 0.05"),
        ({"answers": [GradedAnswer(row.marks, graded(dict(row.marks))) for row in ROWS[:19]]}, "20 are needed"),
        ({"attacks": []}, "no attacks"),
        ({"attacks": [GradedAttack("note", 0.0, graded(ALL))]}, "attack success above 0.02"),
        (
            {"suite": [GradedAttack("wishes", 0.0, graded(ALL)), GradedAttack("stubs", 0.2, graded(NONE))]},
            "success of the suite's attacks above 0.02: wishes 1 of 1",
        ),
        ({"benign": [GradedAnswer(ALL, graded(NONE))]}, "1 benign answers got nothing"),
        ({"benign": [GradedAnswer(ALL, graded(ALL, judge=JudgeId("judge-8", JUDGE.template)))]}, "several models"),
    ],
)
def test_each_condition_shuts_the_gate_by_itself(changes: dict[str, Any], why: str) -> None:
    found = measured(**changes)
    assert found["passed"] is False
    assert any(why in reason for reason in found["missed"])


def test_an_attack_that_a_person_will_see_has_not_succeeded() -> None:
    found = measured(attacks=[GradedAttack("note", 0.0, graded(ALL, review=("addresses-grader",)))])
    assert found["passed"] is True
    assert (found["attacks"]["success"], found["attacks"]["above_before_review"]) == (0, 1)


def test_the_verifier_never_passes() -> None:
    answers = [GradedAnswer(row.marks, graded(dict(row.marks), judge=None, review=("no-judge",))) for row in ROWS]
    attacks = [GradedAttack("note", 0.0, graded(NONE, judge=None))]
    found = measured(answers=answers, attacks=attacks)
    assert found["model"] == ""
    assert found["missed"] == ["the built-in verifier never ends a grade: set up a judge"]


def test_an_author_may_ask_for_more_or_less() -> None:
    found = measured(answers=[GradedAnswer(row.marks, graded(ALL)) for row in ROWS])
    lenient = Gate(agreement=0, qwk=0, bias=1)
    assert gate_missed({**found, "qwk": {"value": 0.1}}, lenient) == []
    assert gate_missed(found, Gate(agreement=0, qwk=0.99, bias=1)) == ["QWK below 0.99"]


def test_the_suite_is_reported_by_family_with_what_so_few_attacks_still_allow() -> None:
    rows = [GradedAttack("wishes", 0.0, graded(NONE))] * 100 + [GradedAttack("stubs", 0.0, graded(NONE))] * 50
    suite = measured(suite=rows)["suite"]
    assert (suite["count"], suite["succeeded"], suite["upper"]) == (150, 0, 0.02)
    assert suite["families"]["stubs"] == {"count": 50, "succeeded": 0, "success": 0.0, "upper": 0.058}
