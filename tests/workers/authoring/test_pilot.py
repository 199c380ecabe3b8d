"""`gradus challenge test` holds no bound against a question that people grade."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenges.kinds.rubric import GATE_ANSWERS
from challenges.reading import read_challenge
from tests.challenges import factory
from workers.authoring import test_command
from workers.authoring.baselines import Outcome


@pytest.mark.parametrize(("marked", "score", "is_ok"), [(3, 0.25, True), (3, None, False), (GATE_ANSWERS, 0.25, False)])
def test_a_missed_bound_is_a_failure_only_where_a_judge_can_grade(
    tmp_path: Path, marked: int, score: float | None, is_ok: bool
) -> None:
    root = factory.write_free_text_challenge(tmp_path / "explain")
    factory.write_gold(root, calibration=marked)
    outcome = Outcome("baselines/good.yaml", "free_text", "free_text", score, False, "below its min of 0.64")
    assert test_command.Tested(root, read_challenge(root), [outcome]).ok is is_ok
