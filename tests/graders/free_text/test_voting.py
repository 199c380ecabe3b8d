import pytest

from challenges.kinds.rubric import free_text
from challenges.marks import points, score
from graders.base import Mark
from graders.free_text.judge.ballot import Ballot
from graders.free_text.judge.voting import decide, decisive, review_rules
from tests.graders.free_text.judges import question

AGREED = {"absorbs": 0.9, "broken-down": 0.8, "no-new-paint": 0.9}
MET, PARTIAL, NOT, CANNOT = Mark.MET, Mark.PARTIAL, Mark.NOT_MET, Mark.CANNOT_TELL
SPEC = question()


def vote(absorbs: Mark, broken: Mark, paint: Mark = MET) -> Ballot:
    marks = {"absorbs": absorbs, "broken-down": broken, "no-new-paint": paint}
    return Ballot(marks, {id: (f"{mark} quote",) for id, mark in marks.items()}, (), (), 1)


def test_points_come_from_the_table() -> None:
    marks = {"absorbs": PARTIAL, "broken-down": PARTIAL, "no-new-paint": MET}
    assert points(free_text(SPEC).rubric, marks) == {"absorbs": 2, "broken-down": 0, "no-new-paint": 2}
    assert score(free_text(SPEC).rubric, marks) == 0.4
    # Claiming nothing untrue earns nothing alone.
    assert score(free_text(SPEC).rubric, {"absorbs": NOT, "broken-down": NOT, "no-new-paint": MET}) == 0


def test_the_majority_decides_with_its_own_quotes() -> None:
    decision = decide(SPEC, [vote(NOT, MET), vote(MET, MET), vote(MET, MET)])
    assert decision.marks["absorbs"] is MET
    assert decision.evidence["absorbs"] == ("met quote",)
    assert decision.split == ("absorbs",)
    assert round(decision.spread, 9) == 0.4
    assert "votes-apart" in review_rules(SPEC, decision, (), AGREED)


def test_without_a_majority_nobody_can_tell() -> None:
    decision = decide(SPEC, [vote(NOT, MET), vote(MET, MET), vote(PARTIAL, MET)])
    assert decision.marks["absorbs"] is CANNOT
    assert "cannot-tell: absorbs" in review_rules(SPEC, decision, (), AGREED)


def test_a_split_on_a_heavy_criterion_asks_for_a_person_unless_the_estimate_sides_with_the_majority() -> None:
    decision = decide(SPEC, [vote(PARTIAL, MET), vote(MET, MET), vote(MET, MET)])
    assert review_rules(SPEC, decision, (), AGREED) == []
    assert review_rules(SPEC, decision, (), AGREED | {"absorbs": 0.5}) == ["split-vote: absorbs"]


def test_flags_ask_only_where_there_are_points() -> None:
    assert review_rules(SPEC, decide(SPEC, [vote(MET, MET)]), ("encoded",), AGREED) == ["encoded"]
    assert review_rules(SPEC, decide(SPEC, [vote(NOT, NOT)]), ("encoded",), dict.fromkeys(AGREED, 0.1)) == []


def test_within_one_criterion_of_the_pass_mark() -> None:
    assert set(decisive(SPEC, vote(MET, NOT).marks)) == {"absorbs", "no-new-paint"}
    assert set(decisive(SPEC, vote(NOT, MET, NOT).marks)) == {"absorbs", "no-new-paint"}
    assert decisive(SPEC, vote(MET, MET).marks) == ()
    assert decisive(SPEC, vote(NOT, NOT, NOT).marks) == ()
    decision = decide(SPEC, [vote(MET, NOT), vote(MET, NOT), vote(MET, NOT, NOT)])
    assert "near-pass-mark" in review_rules(SPEC, decision, (), AGREED)


def test_four_calls_against_one_settle_a_mark_and_three_against_two_do_not() -> None:
    most = [vote(MET, MET)] * 3
    settled = decide(SPEC, [vote(NOT, MET), *most, vote(MET, MET)])
    assert (settled.split, settled.spread) == ((), 0)
    contested = decide(SPEC, [vote(NOT, MET), vote(NOT, MET), *most])
    assert contested.split == ("absorbs",)
    assert round(contested.spread, 9) == 0.4


@pytest.mark.parametrize(
    ("marks", "values", "expected"),
    [
        ((MET, MET, MET), (0.9, 0.8, 0.9), []),
        ((MET, MET, MET), (0.5, 0.5, 0.54), []),
        ((MET, MET, MET), (0.5, 0.5, 0.46), ["score-above-estimate"]),
        ((MET, NOT, MET), (1.0, 0.89, 1.0), []),
        ((MET, NOT, MET), (1.0, 0.91, 1.0), ["unlike-graded-answers: broken-down"]),
    ],
)
@pytest.mark.parametrize("calls", [1, 3])
def test_votes_that_agree_are_no_surer_than_one_beside_an_estimate_far_off(
    calls: int, marks: tuple[Mark, ...], values: tuple[float, ...], expected: list[str]
) -> None:
    decision = decide(SPEC, [vote(*marks)] * calls)
    assert review_rules(SPEC, decision, (), dict(zip(AGREED, values, strict=True))) == expected
