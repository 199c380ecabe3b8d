"""The minimal challenges in docs/examples are what lint and this machine say they are."""

from pathlib import Path

import pytest

from challenges.lint.run import lint
from challenges.reading import read_challenge, read_course
from workers.authoring import baselines
from workers.engine.model_files import models_dir
from workers.sandbox.supervisor import Runner

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
METHODS = EXAMPLES / "training-methods"


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)
def test_each_example_is_linted_clean(folder):
    assert [str(problem) for problem in lint(folder)] == []


def test_there_is_one_of_eight_rows_and_one_epoch_for_each_method():
    found = {}
    for challenge in read_course(METHODS).lessons[0].challenges:
        (payload,) = [b.payload for b in challenge.baselines if b.payload.kind == "tune"]
        found[payload.method] = (len(challenge.train), len(payload.rows), payload.hyperparameters.num_train_epochs)
    assert found == dict.fromkeys(("qlora", "full", "dpo"), (8, 8, 1))


@pytest.mark.slow
def test_each_baseline_gets_its_score():
    if not (models_dir() / "smollm2-135m-instruct").exists():
        pytest.skip("the built-in model is not here: run `python -m workers.engine.fetch`")
    runner = Runner()
    try:
        for challenge in (*read_course(METHODS).lessons[0].challenges, read_challenge(EXAMPLES / "your-clicks")):
            for baseline in challenge.baselines:
                found = baselines.run(challenge, baseline, runner, None, on_event=lambda event: None)
                assert found.ok, (challenge.challenge.id, baseline.ref.file, found.score, found.problem)
    finally:
        runner.close()
