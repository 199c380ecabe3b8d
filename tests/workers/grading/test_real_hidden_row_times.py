"""With the built-in model, the end of a job does not tell apart two hidden sets that lint accepts.

All rows have equally many characters, so that only their tokens differ.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from challenges.bundle import ChallengeBundle
from challenges.lint.run import inspect
from challenges.models.tokens import counter
from challenges.payloads import parse
from challenges.reading import read_challenge
from graders.base import Assignment
from graders.prompt import grade
from tests.workers import token_rows
from tests.workers.conftest import BUILT_IN
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.execute import execute
from workers.grading.hidden_row_timing import Pace

PUBLIC, FEW, MANY, REFUSED = 40, 32, 48, 160
ATTEMPTS, CONTROL_ATTEMPTS = 60, 8
LIMIT = 600.0
LIBRARY = Path(__file__).resolve().parents[3] / "challenges" / "library"


@dataclass
class Engine:
    """The engine in this process. Keeps what a job took: seconds of public rows, CPU seconds of hidden ones."""

    session: Session
    public_s: float = 0.0
    began: float = 0.0
    worked: float = 0.0

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        began, worked = time.monotonic(), time.process_time()
        result = self.session.run(item, Watch())
        if item.stage == "hidden":
            self.began, self.worked = began, time.process_time() - worked
        else:
            self.public_s = result.seconds
        return result


@pytest.fixture
def engine(built_in_folder: Path, tmp_path: Path) -> Iterator[Engine]:
    session = Session(built_in_folder.parent, tmp_path / "scratch")
    session.base(BUILT_IN)
    yield Engine(session)


def bundle(root: Path, hidden: int) -> ChallengeBundle:
    return read_challenge(token_rows.write_challenge(root / str(hidden) / "sea-or-sky", public=PUBLIC, hidden=hidden))


def attempt(engine: Engine, found: ChallengeBundle) -> tuple[float, float]:
    """The time until the end as a multiple of that of public rows, which learners see; and hidden rows' CPU seconds."""
    payload = parse({"kind": "prompt", "instructions": "Sea or sky?"})
    grading = grade(Assignment(found, payload, hidden=True))
    pace = Pace(lambda: False, LIMIT)
    execute(grading, engine, None, lambda event: None, lambda: False, LIMIT, around=[pace.around])
    return (time.monotonic() - engine.began) / engine.public_s, engine.worked


def told_apart(engine: Engine, root: Path, sets: tuple[int, int], attempts: int) -> tuple[float, float]:
    """AUC of alternating attempts, by what a learner sees and by the CPU seconds of the engine.

    A learner sees public rows as well, so what is seen of hidden rows is a multiple of their time. It is rounded to a
    tenth, because among times that differ by milliseconds at random, 30 attempts of each set show an AUC of 0.6 by
    chance.
    """
    bundles = [bundle(root, hidden) for hidden in sets]
    for one in bundles:
        attempt(engine, one)
    labels = np.arange(attempts) % 2
    seen, worked = zip(*(attempt(engine, bundles[label]) for label in labels), strict=True)
    print(np.round(seen, 3).tolist())
    scores = [float(roc_auc_score(labels, times)) for times in (np.round(seen, 1), worked)]
    return max(scores[0], 1 - scores[0]), max(scores[1], 1 - scores[1])


def test_lint_goes_by_the_tokens_of_the_model(built_in_folder: Path, tmp_path: Path) -> None:
    count = counter(BUILT_IN)
    assert count is not None
    for hidden in (FEW, MANY, REFUSED):
        rows = bundle(tmp_path, hidden).hidden
        assert {(len(row.input), count(row.input)) for row in rows} == {(token_rows.CHARACTERS, hidden)}
        found = inspect(tmp_path / str(hidden) / "sea-or-sky")
        assert found.not_checked == []
        wrong = "is 160 tokens, but 40 in public.jsonl"
        assert [problem.what.removeprefix("the ") for problem in found.problems] == (
            [f"average of its inputs {wrong}", f"90th percentile of its inputs {wrong}"] if hidden == REFUSED else []
        )


@pytest.mark.slow
def test_the_built_in_course_has_hidden_rows_of_about_as_many_tokens(built_in_folder: Path) -> None:
    found = inspect(LIBRARY)
    assert found.not_checked == [] and [str(problem) for problem in found.problems if "tokens" in problem.what] == []


@pytest.mark.slow
def test_two_hidden_sets_that_lint_allows_are_not_told_apart(engine: Engine, tmp_path: Path) -> None:
    seen, worked = told_apart(engine, tmp_path, (FEW, MANY), ATTEMPTS)
    print(f"{FEW} against {MANY} tokens, {ATTEMPTS} attempts: AUC {seen:.2f}, of the engine's work {worked:.2f}")
    assert seen <= 0.6 and worked >= 0.9


@pytest.mark.slow
def test_two_hidden_sets_of_which_lint_refuses_one_are_told_apart(engine: Engine, tmp_path: Path) -> None:
    seen, _ = told_apart(engine, tmp_path, (PUBLIC, REFUSED), CONTROL_ATTEMPTS)
    print(f"{PUBLIC} against {REFUSED} tokens, {CONTROL_ATTEMPTS} attempts: AUC {seen:.2f}")
    assert seen >= 0.75
