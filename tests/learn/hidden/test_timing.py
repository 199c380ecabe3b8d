"""Times that a learner can see tell nothing of hidden rows: a classifier on them is at chance.

What is fed is what pages and the API give: whole seconds. The control feeds the same gradings' unrounded times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from gradus.leaderboards import boards
from gradus.learn.templatetags.learn import whole
from gradus.submissions.durations import took
from gradus.submissions.models import Evaluation

GRADINGS = 8000
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
# What a look at a hidden row too many may take; and how unlike each other gradings of one prompt are.
LEAK_S, SPREAD_S = 0.002, 0.0004
CHANCE = 0.52


def gradings(leak: float, seed: int) -> tuple[list[Evaluation], np.ndarray]:
    """Started at any moment; every second one takes `leak` seconds longer."""
    random = np.random.default_rng(seed)
    leaks = np.arange(GRADINGS) % 2
    took = 3.2 + random.normal(0, SPREAD_S, GRADINGS) + leak * leaks
    starts = random.uniform(0, 3600, GRADINGS)
    made = [
        Evaluation(started_at=NOON + timedelta(seconds=s), finished_at=NOON + timedelta(seconds=s + t))
        for s, t in zip(starts, took, strict=True)
    ]
    return made, leaks


def visible(evaluation: Evaluation) -> list[float]:
    """Numbers in what a page and the API say of its times."""
    assert evaluation.finished_at is not None
    api, page, shown = (boards.whole_second(evaluation.finished_at), whole(evaluation.finished_at), took(evaluation))
    assert page == api and shown is not None
    return [float(shown), (api - NOON).total_seconds()]


def exact(evaluation: Evaluation) -> list[float]:
    assert evaluation.started_at is not None and evaluation.finished_at is not None
    return [(evaluation.finished_at - evaluation.started_at).total_seconds(), evaluation.finished_at.timestamp() % 3600]


def auc(features: list[list[float]], labels: np.ndarray, seed: int = 0) -> float:
    """Of cross-validated predictions, so that what was learned by heart does not count."""
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    predicted = cross_val_predict(model, np.array(features), labels, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, predicted))


def test_visible_times_are_whole_seconds() -> None:
    made, _ = gradings(LEAK_S, 1)
    assert all(value == int(value) for one in made[:500] for value in visible(one))


def test_a_classifier_on_visible_times_is_at_chance() -> None:
    made, leaks = gradings(LEAK_S, 2)
    seen = auc([visible(one) for one in made], leaks)
    print(f"visible times: AUC {seen:.4f} on {GRADINGS} gradings that differ by {1000 * LEAK_S:g} ms")
    assert seen <= CHANCE


def test_the_classifier_finds_two_milliseconds_where_they_are_shown() -> None:
    made, leaks = gradings(LEAK_S, 2)
    seen = auc([exact(one) for one in made], leaks)
    print(f"exact times: AUC {seen:.4f}")
    assert seen > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_the_classifier_is_at_chance_where_nothing_differs(seed: int) -> None:
    """With the bound's room: `CHANCE` is three standard errors of an AUC away."""
    made, leaks = gradings(0.0, seed)
    error = np.sqrt((GRADINGS + 1) / (12 * (GRADINGS / 2) ** 2))
    assert 3 * error < CHANCE - 0.5
    assert auc([exact(one) for one in made], leaks) <= CHANCE
