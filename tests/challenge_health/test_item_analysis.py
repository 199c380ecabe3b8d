"""Item analysis against numpy, which computes every correlation from the whole table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.challenge_health import advice
from gradus.challenge_health.item_analysis import LEARNERS_MIN, ItemFigures, analysed
from gradus.challenge_health.models import NO_SCORE

TABLES = st.integers(2, 6).flatmap(
    lambda rows: st.lists(st.lists(st.integers(0, 100), min_size=rows, max_size=rows), min_size=1, max_size=40)
)


@given(TABLES)
def test_shares_and_discriminations_are_those_of_the_whole_table(table):
    found = analysed([bytes(one) for one in table])
    scores = np.array(table) / 100
    assert [one.share for one in found] == pytest.approx(list(scores.mean(axis=0)))
    for number, one in enumerate(found):
        column, rest = scores[:, number], np.delete(scores, number, axis=1).mean(axis=1)
        if len(table) < LEARNERS_MIN or column.std() < 1e-12 or rest.std() < 1e-9:
            assert one.discrimination is None
        else:
            assert one.discrimination == pytest.approx(np.corrcoef(column, rest)[0, 1], abs=1e-6)
            assert -1.000001 <= one.discrimination <= 1.000001


def test_learners_without_all_scores_are_left_out_and_wrong_answers_counted():
    whole, short, holed = bytes([100, 0]), bytes([100]), bytes([NO_SCORE, 100])
    assert [one.share for one in analysed([whole, short, holed])] == [1.0, 0.0]
    assert analysed([]) == [] == analysed([b""]) == analysed([holed])
    # The most common wrong answers come first, and rows that are gone do not count.
    wrong = [{"0": "sea"}, {"0": "sky"}, {"0": "sea", "9": "gone"}]
    assert analysed([bytes([0, 100])] * 3, wrong)[0].wrong == (("sea", 2), ("sky", 1))
    (item,) = analysed([bytes([50])] * 2, [{"0": "b, a, b"}, {"0": "b, c"}], [("a",)])
    assert item.wrong == (("b", 2), ("c", 1)) and item.agreed == 1.0, "an expected document is no wrong answer"


def answers_to(relevance: np.ndarray, learners: int = 60) -> list[list[str]]:
    """Lists of documents as set-ups of different learners find them: each weighs the documents in another way, and
    hands over from one to eight of them."""
    chance = np.random.default_rng(17)
    noise = chance.normal(0.0, 0.7, (learners, len(relevance)))
    return [
        [f"page-{document}" for document in np.argsort(-(relevance + own))[: chance.integers(1, 9)]] for own in noise
    ]


def test_wrong_expected_documents_are_found_and_rows_that_are_only_hard_are_not():
    """In two rows another document answers than the expected one. In nine, three pages are as near as the right one."""
    right, found = [("page-5",)] * 11, []
    for number in range(11):
        relevance = np.zeros(30)
        if number < 2:
            relevance[number] = 3.0
        else:
            relevance[[5, *(number + 10, number + 11, number + 12)]] = (1.0, 1.6, 1.5, 1.4)
        found.append(answers_to(relevance))
    scores, wrong = [], []
    for of_learner in zip(*found, strict=True):
        reached = [1 / (1 + one.index("page-5")) if "page-5" in one else 0.0 for one in of_learner]
        scores.append(bytes(round(100 * score) for score in reached))
        wrong.append({str(at): ", ".join(one) for at, one in enumerate(of_learner) if reached[at] < 1})
    items = analysed(scores, wrong, right)
    assert all(item.share < 1 - advice.AGREED for item in items)
    assert [advice.of_row(item).is_warning for item in items] == [True] * 2 + [False] * 9
    assert [item.wrong[0][0] for item in items[:2]] == ["page-0", "page-1"]
    assert not any(advice.of_row(item).is_warning for item in analysed(scores, wrong)[:2]), "as wholes they differ"


def figures(share: float, power: float | None = 0.4, learners: int = 30, wrong=()) -> ItemFigures:
    return ItemFigures(learners, share, power, wrong)


@pytest.mark.parametrize(
    ("item", "says", "is_warning"),
    [
        (figures(0.4, -0.2), "probably wrong", True),
        (figures(0.3, 0.3, wrong=(("sea", 20),)), "same wrong answer", True),
        (figures(0.0, None), "Nobody", False),
        (figures(1.0, None), "Everybody", False),
        (figures(0.5, 0.05), "says little", False),
        (figures(0.5), "", False),
        (figures(0.4, -0.5, learners=LEARNERS_MIN - 1), "", False),
    ],
)
def test_what_to_do_follows_from_the_figures(item, says, is_warning):
    said = advice.of_row(item)
    assert says in said.text and bool(said.text) == bool(says) and said.is_warning is is_warning
