import json
from dataclasses import replace

import pytest

from challenges.reading import read_challenge
from tests.challenges.factory import write_prompt_challenge
from workers.authoring import measured
from workers.authoring.baselines import Outcome, advice, steps
from workers.authoring.test_command import differences

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


def test_what_is_written_holds_raw_scores_and_no_rows_and_a_part_that_ran_again_leaves_the_others(
    tmp_path, bundle, outcomes
):
    first = json.loads(measured.write(tmp_path, bundle, outcomes).read_text())
    part = first["baselines"]["sea-or-sky"]
    assert part["digest"] == bundle.digest
    assert [row["score"] for row in part["results"]] == [0.41, 0.659, 0.9]
    assert first["figures"]["sea-or-sky.lora.adapter_megabytes"] == 2.0
    assert not any("rows" in row for row in part["results"])
    again = [outcome("lora", 0.8, (1.0,) * 12, training={"seconds": 9.0})]
    second = json.loads(measured.write(tmp_path, bundle, again).read_text())
    assert [row["score"] for row in second["baselines"]["sea-or-sky"]["results"]] == [0.41, 0.659, 0.8]
    assert second["baselines"]["sea-or-sky"]["steps"] == part["steps"]
    assert second["figures"]["sea-or-sky.weak.score"] == 0.41
    assert second["figures"]["sea-or-sky.lora.train_seconds"] == 9.0


def test_a_weak_attempt_that_does_as_well_as_a_good_one_is_told_in_words(bundle):
    said = list(advice(bundle, [outcome("weak", 0.715, ()), outcome("good", 0.475, ())]))
    assert said[0].startswith("Your weak attempt weak.yaml (0.715) does no worse than your good attempt good.yaml")
    rows = len(bundle.hidden)
    assert said[1:] == [
        f"With {rows} hidden rows, chance alone moves a score by up to about {0.98 / rows**0.5:.2f}. "
        "More rows make it less."
    ]
    assert len(list(advice(bundle, [outcome("weak", 0.1, ()), outcome("good", 0.9, ())]))) == 1


def test_a_max_that_lint_refuses_is_told(tmp_path):
    (bundle,) = [read_challenge(write_prompt_challenge(tmp_path / "sea-or-sky"))]
    weak = next(one for one in bundle.baselines if one.ref.min is None)
    high = replace(weak, ref=weak.ref.model_copy(update={"max": bundle.challenge.pass_}))
    others = [one for one in bundle.baselines if one is not weak]
    said = list(advice(replace(bundle, baselines=(high, *others)), [outcome("weak", 0.1, ())]))
    assert "is not below pass" in said[0] and "lower max" in said[0]


def test_the_difference_is_that_of_the_shown_scores(outcomes):
    first, second = differences(outcomes)
    assert "weak.yaml -> baselines/good.yaml: score +0.249. " in first and "in fewer than 1 of 100 cases" in first
    assert "about 12 of 100 cases (paired test, p = 0.12)" in second
