"""The built-in challenge about test sets: only aimed rows are worth something, and no hidden defect is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenges.bundle import ChallengeBundle
from challenges.check import check
from challenges.kinds.evaluate import EvaluatePayload
from challenges.kinds.evaluate_keys import System, evaluate
from challenges.payloads import parse
from challenges.reading import read_challenge
from tests.challenges.kinds.evaluate_bundle import rows_of

FOLDER = Path(__file__).resolve().parents[3] / "challenges/library/is-it-any-good/catch-the-saboteur"
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
