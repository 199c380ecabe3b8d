import pytest

from challenges.kinds.rubric import free_text
from graders.base import Mark
from graders.free_text.verifier.distance import rules
from tests.graders.free_text.judges import question

RUBRIC = free_text(question()).rubric  # 4, 4 and 2 points
MET, NOT = Mark.MET, Mark.NOT_MET


@pytest.mark.parametrize(
    ("marks", "values", "expected"),
    [
        ((MET, MET, MET), (0.9, 0.8, 0.9), []),
        ((MET, MET, MET), (0.7, 0.7, 0.96), []),
        ((MET, MET, MET), (0.7, 0.7, 0.94), ["score-above-estimate"]),
        ((MET, NOT, MET), (0.19, 0.5, 1.0), ["met-without-likeness: absorbs"]),
        ((MET, NOT, MET), (0.2, 0.5, 1.0), []),
        (
            (MET, MET, MET),
            (0.1, 0.1, 0.1),
            ["score-above-estimate", *(f"met-without-likeness: {c.id}" for c in RUBRIC)],
        ),
        ((NOT, NOT, NOT), (0.6, 0.6, 0.0), []),
        ((NOT, NOT, NOT), (0.7, 0.6, 0.0), ["unlike-graded-answers"]),
    ],
)
def test_a_score_above_the_estimate_is_looked_at_sooner_than_one_below(
    marks: tuple[Mark, ...], values: tuple[float, ...], expected: list[str]
) -> None:
    ids = [c.id for c in RUBRIC]
    assert rules(RUBRIC, dict(zip(ids, marks, strict=True)), dict(zip(ids, values, strict=True))) == expected
