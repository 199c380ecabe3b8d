"""The example of own choices, trained for real on a tiny model: whatever the taste, training doubles its odds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from challenges.bundle import ChallengeBundle
from challenges.kinds.tune import TunePayload
from challenges.kinds.tune_keys import TuneKeys, candidates, tune
from challenges.reading import read_challenge
from graders.base import Assignment, Grade
from graders.registry import grade
from tests.workers import tiny
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.execute import execute

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
EXAMPLE = read_challenge(Path(__file__).parents[2] / "docs" / "examples" / "your-clicks")


class InThisProcess:
    """Carries out work items without a runner."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        return self.session.run(item, Watch(on_event, should_stop))


@pytest.fixture
def runner(models_dir: Path, tmp_path: Path) -> InThisProcess:
    return InThisProcess(Session(models_dir, tmp_path))


def on_the_tiny_model() -> ChallengeBundle:
    spec = EXAMPLE.challenge
    section = tune(spec).model_copy(update={"row_tokens_max": 512})
    changed = spec.model_copy(update={"model": tiny.NAME})
    return replace(
        EXAMPLE,
        challenge=changed.with_keys("tune", TuneKeys(tune=section, candidates=candidates(spec))),
        public=EXAMPLE.public[:1],
        hidden=EXAMPLE.hidden[:1],
    )


def graded(runner: InThisProcess, baseline: str, **knobs: Any) -> tuple[Grade, list[dict[str, Any]]]:
    payload = next(b.payload for b in EXAMPLE.baselines if b.ref.file == f"baselines/{baseline}.yaml")
    assert isinstance(payload, TunePayload)
    chosen = payload.hyperparameters.model_copy(update=knobs)
    payload = payload.model_copy(update={"hyperparameters": chosen})
    events: list[dict[str, Any]] = []
    task = Assignment(on_the_tiny_model(), payload, hidden=True, draw="a learner")
    found = execute(grade(task), runner, None, events.append, lambda: False, 300.0)
    return found, events


@pytest.mark.parametrize("taste", ["brisk", "warm"])
def test_training_doubles_the_odds_of_either_taste(runner: InThisProcess, taste: str) -> None:
    found, events = graded(runner, taste, learning_rate=2e-3)
    told = found.private["own_choices"]
    assert told["share"] >= 2 / 3 and len(told["gains"]) == 12
    # A model of random weights writes nothing of use.
    assert found.score == told["content"] == 0.0
    assert not [event for event in events if "valid_accuracy" in event]


def test_hardly_any_training_doubles_nothing(runner: InThisProcess) -> None:
    assert graded(runner, "hardly")[0].private["own_choices"]["share"] == 0.0
