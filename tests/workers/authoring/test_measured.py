import json

import pytest

from challenges.reading import read_challenge
from tests.challenges.factory import write_prompt_challenge
from workers.authoring import measured
from workers.authoring.baselines import Outcome, steps

FILES = {"weak": "zero-shot", "good": "few-shot", "lora": "lora"}


def outcome(stem, score, rows, **values):
    kind = "lora" if stem == "lora" else "prompt"
    found = {"cost": {"prompt_tokens": 9.0}, "seconds": 1.2, "training": {}, **values}
    return Outcome(f"baselines/{stem}.yaml", kind, FILES[stem], score, True, rows=rows, **found)


@pytest.fixture
def bundle(tmp_path):
    write_prompt_challenge(tmp_path / "sea-or-sky")
    return read_challenge(tmp_path / "sea-or-sky")


@pytest.fixture
def outcomes():
    return [
        outcome("weak", 0.41, (0.0,) * 12),
        outcome("good", 0.659, (1.0,) * 8 + (0.0,) * 4),
        outcome("lora", 0.9, (1.0,) * 12, training={"seconds": 4.0, "adapter_bytes": 2_000_000.0}),
    ]


def test_steps_go_from_the_best_of_one_approach_to_the_best_of_the_next(outcomes):
    found = list(steps([outcome("weak", 0.1, (0.0,) * 12), *reversed(outcomes)]))
    assert [(low, high) for low, high, *_ in found] == [
        ("baselines/weak.yaml", "baselines/good.yaml"),
        ("baselines/good.yaml", "baselines/lora.yaml"),
    ]
    assert found[0][2] == pytest.approx(8 / 12)
    assert found[0][3] == pytest.approx(2 / 2**8)


def test_what_is_written_holds_raw_scores_and_no_rows(tmp_path, bundle, outcomes):
    written = json.loads(measured.write(tmp_path, bundle, outcomes).read_text())
    part = written["baselines"]["sea-or-sky"]
    assert part["digest"] == bundle.digest
    assert [row["score"] for row in part["results"]] == [0.41, 0.659, 0.9]
    assert written["figures"]["sea-or-sky.lora.adapter_megabytes"] == 2.0
    assert not any("rows" in row for row in part["results"])


def test_a_part_that_ran_again_leaves_the_others(tmp_path, bundle, outcomes):
    first = json.loads(measured.write(tmp_path, bundle, outcomes).read_text())
    again = [outcome("lora", 0.8, (1.0,) * 12, training={"seconds": 9.0})]
    second = json.loads(measured.write(tmp_path, bundle, again).read_text())
    assert [row["score"] for row in second["baselines"]["sea-or-sky"]["results"]] == [0.41, 0.659, 0.8]
    assert second["baselines"]["sea-or-sky"]["steps"] == first["baselines"]["sea-or-sky"]["steps"]
    assert second["figures"]["sea-or-sky.weak.score"] == 0.41
    assert second["figures"]["sea-or-sky.lora.train_seconds"] == 9.0
