"""Our short questions, each answer graded as if unknown: what the built-in verifier must reach, with its embeddings.

The bounds lie a margin under what was measured (benchmarks/notes/grading.md), since processors round differently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import grading, grading_rows
from benchmarks.grading import LONG, SHORT, grade_rows, quality, run_own
from challenges.lint.run import lint
from challenges.reading import read_challenge
from graders.base import Embed
from graders.free_text.calibration import person_score
from tests.graders.free_text import judges

FOLDERS = sorted(path for path in SHORT.glob("*/*") if path.is_dir())
MARGIN = 0.03


@pytest.fixture(autouse=True)
def no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADUS_JUDGE_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_has_thirty_graded_answers_of_a_few_words(folder: Path) -> None:
    assert lint(folder) == []
    bundle = read_challenge(folder)
    lengths = [len(gold.answer.split()) for gold in bundle.gold]
    assert len(lengths) == 30 and sorted(lengths)[15] <= 10
    scores = {person_score(bundle.challenge, gold.marks) for gold in bundle.gold}
    assert scores >= {0.0, 0.5, 1.0}


def test_an_answer_of_the_questions_words_is_no_final_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHORT / "tuning/where-a-new-fact-comes-from"
    monkeypatch.setattr(grading, "embed", lambda texts, watch: judges.embed(Embed(tuple(texts))).vectors)
    bench, _ = grading._bench()
    results = list(grade_rows(grading_rows.of_challenge(read_challenge(folder)), bench, True))
    assert quality(results)["final_zeros"] == 0
    assert all(result.reviewed for result in results)


@pytest.mark.slow
def test_the_goals_on_all_questions_and_on_those_held_out() -> None:
    found: dict[str, Any] = run_own()
    for half in ("all short", "held-out"):
        assert found[half]["qwk"] >= 0.75 - MARGIN
        assert found[half]["coverage"]["0.6"] >= 0.95 - MARGIN
        assert found[half]["fifths"][0] == max(found[half]["fifths"])
        assert found[half]["final_zeros"] == 0
    assert found[LONG.name]["qwk"] >= 0.80 - MARGIN
    assert found[LONG.name]["fifths"][0] == max(found[LONG.name]["fifths"]) == 1


def test_the_numbers_of_an_adapter_with_the_sentence_embeddings() -> None:
    bench, _ = grading._bench()
    asked = grading_rows.of_challenge(read_challenge(SHORT / "held-out/numbers-of-an-adapter"))
    found = quality(list(grade_rows(asked, bench, True)))
    assert found["qwk"] >= 0.80
    assert found["accuracy"] >= 0.85
    assert (found["fifths"][0], found["final_zeros"]) == (1.0, 0)
    assert found["fifths_certainty"][0] > 0.95 > 0.85 > found["fifths_certainty"][-1]
