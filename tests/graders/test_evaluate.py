"""The grader of test sets, with a model of a table: what it asks, what a set is worth, and what stays hidden."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from challenges.bundle import ChallengeBundle
from challenges.payloads import parse
from graders.base import Assignment, Grade, Score, Scored, WorkItem
from graders.metrics import measure
from graders.registry import grade
from tests.challenges.kinds.evaluate_bundle import AIMED, PLAIN, SEA, evaluate_bundle, rows_of
from tests.graders.bundles import drive


@pytest.fixture
def bundle(tmp_path: Path) -> ChallengeBundle:
    return evaluate_bundle(tmp_path)


def run(bundle: ChallengeBundle, *rows: tuple[str, str], hidden: bool = True) -> tuple[Grade, list[WorkItem]]:
    def answer(item: WorkItem) -> Scored:
        assert isinstance(item, Score)
        is_sea = [any(word in text.casefold() for word in SEA) for text in item.suffixes]
        return Scored([[-0.1, -3.0] if sea else [-3.0, -0.1] for sea in is_sea], [9] * len(is_sea), 0.1)

    return drive(grade(Assignment(bundle, parse(rows_of(*rows)), hidden)), answer)


def test_aimed_rows_expose_every_defect_and_plain_rows_none(bundle: ChallengeBundle) -> None:
    aimed, _ = run(bundle, *AIMED)
    assert aimed.score == 1.0 and aimed.shown["exposed"] == [4, 4] and aimed.shown["alarms"] == [0, 2]
    plain, _ = run(bundle, *PLAIN)
    assert plain.score == 0.0 and plain.shown["exposed"] == [0, 4]
    half, _ = run(bundle, *PLAIN[:3], *AIMED[1:3])
    assert half.score == pytest.approx(0.5)


def test_a_set_that_every_system_fails_is_worth_nothing(bundle: ChallengeBundle) -> None:
    wrong = [(text, "sky" if label == "sea" else "sea") for text, label in AIMED]
    graded, _ = run(bundle, *wrong)
    assert graded.score == 0.0 and graded.shown["exposed"] == [4, 4] and graded.shown["alarms"] == [2, 2]


def test_one_row_that_every_system_fails_costs_all(bundle: ChallengeBundle) -> None:
    """Here a system fails with its first miss, so that a single wrong label makes every verdict an alarm."""
    graded, _ = run(bundle, *AIMED[:3], ("those kites were far above us", "sea"))
    assert graded.score == 0.0


def test_systems_that_read_alike_are_asked_once_about_all_rows(bundle: ChallengeBundle) -> None:
    _, items = run(bundle, *AIMED)
    assert [item.stage for item in items] == ["calibrate"] * 2 + ["public"] * 2 + ["hidden"] * 3
    assert {len(item.suffixes) for item in items} == {4} and {item.adapter for item in items} == {None}
    _, trial = run(bundle, *AIMED, hidden=False)
    assert [item.stage for item in trial] == ["calibrate"] * 2 + ["public"] * 2


def test_a_run_shows_practice_systems_and_no_score(bundle: ChallengeBundle) -> None:
    graded, _ = run(bundle, *AIMED, hidden=False)
    assert graded.score is None and graded.public_score == 1.0 and not graded.hidden
    even, hasty = graded.shown["practice"]
    answers = ["sea", "sea", "sky", "sky"]
    assert even == {"id": "even", "defect": "", "right": 4, "verdict": "passes", "answers": answers}
    assert (hasty["right"], hasty["verdict"]) == (2, "fails") and "exposed" not in graded.shown


def test_what_learners_see_names_no_hidden_system(bundle: ChallengeBundle) -> None:
    graded, _ = run(bundle, *AIMED)
    seen = json.dumps(asdict(replace(graded, hidden=())))
    assert "secret" not in seen and "healthy-" not in seen
    systems = json.loads(bundle.to_json())["challenge"]["systems"]["systems"]
    assert [row.id for row in graded.hidden] == [one["id"] for one in systems if not one["practice"]]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (("fails",) * 6, 0.0),
        (("passes",) * 6, 0.0),
        (("fails", "fails", "fails", "passes", "passes", "passes"), 1.0),
        (("fails", "fails", "passes", "passes", "passes", "fails"), pytest.approx(1 / 3)),
        (("passes", "passes", "passes", "fails", "fails", "fails"), 0.0),
    ],
)
def test_balanced_accuracy_above_chance(said: tuple[str, ...], value: float) -> None:
    truth = ("fails",) * 3 + ("passes",) * 3
    assert measure("adjusted_balanced_accuracy", said, truth, None).value == value
    assert measure("adjusted_balanced_accuracy", ("a",), ("a",), None).value == 0.0
