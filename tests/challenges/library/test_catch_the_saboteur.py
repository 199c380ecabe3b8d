"""The built-in challenge about test sets: bad input is refused beside its row, and only aimed rows are worth something.

A table stands for the model: a message with a question mark asks, one with a kind word thanks, and all others complain.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from challenges.bundle import ChallengeBundle
from challenges.check import check
from challenges.kinds.evaluate import EvaluatePayload
from challenges.kinds.evaluate_keys import System, evaluate
from challenges.payloads import parse
from challenges.reading import read_challenge
from graders.base import Assignment, Grade, Score, Scored
from graders.registry import grade
from tests.challenges.kinds.evaluate_bundle import rows_of

FOLDER = Path(__file__).resolve().parents[3] / "challenges/library/is-it-any-good/catch-the-saboteur"
LABELS = ("question", "complaint", "thanks")
KIND_WORDS = ("thank", "wonderful", "great", "nice")
Rows = list[tuple[str, str]]


@pytest.fixture(scope="module")
def bundle() -> ChallengeBundle:
    return read_challenge(FOLDER)


def rows(bundle: ChallengeBundle, name: str) -> Rows:
    """The rows of the baseline `name`."""
    (found,) = (one for one in bundle.baselines if one.ref.file == f"baselines/{name}.yaml")
    assert isinstance(found.payload, EvaluatePayload)
    return [(row.input, row.output) for row in found.payload.rows]


def problems(bundle: ChallengeBundle, rows: Rows) -> list[tuple[str, int | None, str]]:
    found = check(bundle.challenge, parse(rows_of(*rows)), lambda text: len(text.split()), bundle.public)
    return [(one.code, one.line, one.message) for one in found]


@pytest.mark.parametrize("name", ["naive", "ironic", "weak", "good", "gold"])
def test_the_test_sets_of_the_author_are_taken(bundle: ChallengeBundle, name: str) -> None:
    assert problems(bundle, rows(bundle, name)) == []


def said_by_the_table(suffix: str) -> str:
    text = suffix.casefold()
    return "question" if "?" in text else "thanks" if any(word in text for word in KIND_WORDS) else "complaint"


def graded(bundle: ChallengeBundle, rows: Rows) -> Grade:
    grading, result = grade(Assignment(bundle, parse(rows_of(*rows)), hidden=True)), None
    try:
        while True:
            item = grading.send(result)
            assert isinstance(item, Score)
            given = [said_by_the_table(suffix) for suffix in item.suffixes]
            logs = [[-0.1 if label == one else -3.0 for label in LABELS] for one in given]
            result = Scored(logs, [9] * len(logs), 0.1)
    except StopIteration as finished:
        found = finished.value
        assert isinstance(found, Grade)
        return found


PLAIN: Rows = [
    ("When does the train leave?", "question"),
    ("Where is the beach?", "question"),
    ("How warm is the lake in May?", "question"),
    ("Which cabin has a stove?", "question"),
    ("Our bed was broken.", "complaint"),
    ("Mice ate all our bread.", "complaint"),
    ("The cook was rude.", "complaint"),
    ("My pitch is under water.", "complaint"),
    ("That was a great week.", "thanks"),
    ("A wonderful place by the lake.", "thanks"),
    ("You have such nice neighbours.", "thanks"),
    ("What a great view from the hill.", "thanks"),
]


def test_rows_that_every_system_fails_are_worth_nothing(bundle: ChallengeBundle) -> None:
    plain = graded(bundle, PLAIN)
    assert plain.shown["alarms"] == [0, 3]
    turned = dict(zip(LABELS, (*LABELS[1:], LABELS[0]), strict=True))
    wrong = graded(bundle, [(text, turned[label]) for text, label in PLAIN])
    assert (wrong.score, wrong.shown["alarms"]) == (0.0, [3, 3])
    assert all(one["verdict"] == "fails" for one in wrong.shown["practice"])
    # With one wrong label, each healthy system fails already.
    one = graded(bundle, [*PLAIN[:11], (PLAIN[11][0], "complaint")])
    assert (one.score, one.shown["alarms"]) == (0.0, [3, 3])


@pytest.mark.parametrize("label", LABELS)
def test_one_label_for_all_rows_is_worth_nothing(bundle: ChallengeBundle, label: str) -> None:
    assert graded(bundle, [(text, label) for text, _ in PLAIN]).score == 0.0


def test_labels_by_chance_are_worth_nothing(bundle: ChallengeBundle) -> None:
    for seed in range(20):
        drawn = random.Random(seed).choices(LABELS, k=len(PLAIN))
        assert graded(bundle, [(text, label) for (text, _), label in zip(PLAIN, drawn, strict=True)]).score == 0.0


def touched(system: System, rows: Rows) -> int:
    """Of how many rows the system reads less than there is, or changes the right answer."""
    return sum(system.reads.of(text) != text or system.answer(text, label) != label for text, label in rows)


def test_gold_aims_a_row_at_each_defect_and_plain_rows_at_few(bundle: ChallengeBundle) -> None:
    """No wrong answer is allowed, so that a defect is exposed by one row."""
    hidden = [system for system in evaluate(bundle.challenge).systems.of(practice=False) if system.defect]
    assert [system.id for system in hidden if touched(system, rows(bundle, "gold")) < 1] == []
    for name in ("naive", "weak"):
        assert sum(touched(system, rows(bundle, name)) >= 1 for system in hidden) < len(hidden) / 2


def test_each_healthy_hidden_system_can_be_tried_as_a_practice_system(bundle: ChallengeBundle) -> None:
    """A single miss of a healthy system is a false alarm, so learners see each of them answer their rows."""
    systems = evaluate(bundle.challenge).systems
    tried, hidden = (
        {system.prompt for system in systems.of(practice=practice) if system.is_healthy} for practice in (True, False)
    )
    assert tried == hidden and evaluate(bundle.challenge).evaluate.fails_below == 1.0


def test_each_defect_is_described_once_and_learners_read_none_of_the_hidden_ones(bundle: ChallengeBundle) -> None:
    systems = evaluate(bundle.challenge).systems
    hidden = [system.defect for system in systems.of(practice=False) if system.defect]
    assert len(set(hidden)) == len(hidden) == 12
    told = "\n".join(path.read_text(encoding="utf-8") for path in (FOLDER / "statement.md", FOLDER / "challenge.yaml"))
    assert not [defect for defect in hidden if defect in told]
    assert len({system.prompt for system in systems.of(practice=False) if system.is_healthy}) == 3
