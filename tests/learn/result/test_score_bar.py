"""The labels of the score bar stay on a narrow screen, and never lie on one another, whatever the scores are."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gradus.learn.result.score_bar import BASELINE, BEST, BEYOND, GOLD, LINE, PASS, Mark, laid_out, score_bar

NAMES = ("This attempt", "Previous best", "Zero-shot", "Few-shot", "LoRA")
scores = st.integers(0, 100).map(lambda number: number / 100)


def bar(score: float, best: float, *authors: float):
    goals = [Mark(PASS, "Pass", 0.58), Mark(GOLD, "Gold", 0.8)]
    baselines = [Mark(BASELINE, name, value) for name, value in zip(NAMES[2:], authors, strict=False)]
    return score_bar(score, goals, [Mark(BEST, NAMES[1], best), *baselines])


@given(st.lists(scores, min_size=1, max_size=len(NAMES)))
def test_labels_never_overlap_and_are_never_cut_off(found):
    marks = laid_out(Mark(BASELINE, name, score) for name, score in zip(NAMES, found, strict=False))
    assert len(marks) == len(found)
    for mark in marks:
        low, high = mark.span
        assert low >= -BEYOND and high <= LINE + BEYOND
    for one, other in itertools.combinations(marks, 2):
        apart = one.span[1] <= other.span[0] or other.span[1] <= one.span[0]
        assert one.lane != other.lane or apart


def test_no_line_crosses_a_label_where_scores_lie_close_together():
    marks = laid_out(
        Mark(BASELINE, name, score) for name, score in zip(NAMES, (0.72, 0.66, 0.6, 0.7, 0.87), strict=True)
    )
    assert not crossings(marks)


def test_the_built_in_challenge_is_drawn_without_a_crossing():
    marks = laid_out(
        Mark(BASELINE, name, score) for name, score in zip(NAMES, (0.6, 0.42, 0.5, 0.62, 0.8), strict=True)
    )
    assert all(mark.anchor == "end" for mark in marks)
    assert not crossings(marks)


def crossings(marks: list[Mark]) -> list[tuple[Mark, Mark]]:
    pairs = itertools.permutations(marks, 2)
    deeper = [(one, other) for one, other in pairs if one.lane > other.lane]
    return [(one, other) for one, other in deeper if other.span[0] < one.score * LINE < other.span[1]]


def test_goals_stand_above_the_bar_and_scores_below():
    found = bar(0.72, 0.66, 0.41, 0.7, 0.87)
    assert all(mark.y < found.top for mark in found.above) and all(mark.y > found.bottom for mark in found.below)
    assert found.height > max(mark.y for mark in found.below)
    assert found.at == "72.00%" and [mark.name for mark in found.listed][:3] == ["LoRA", "Gold", "This attempt"]


def test_the_ends_of_the_line_can_be_reached():
    assert [mark.anchor for mark in bar(0.0, 1.0).below] == ["end", "start"]
