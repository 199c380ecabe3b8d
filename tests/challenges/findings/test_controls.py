"""The rows that controls are trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from challenges.files.source import Source
from challenges.findings.controls import chosen_alone, public_rows
from challenges.findings.digest import run_digest
from challenges.findings.runs import Repetition
from challenges.kinds.tune import TunePayload
from challenges.kinds.tune_keys import held_out, tune
from challenges.reading import read_challenge, read_payload
from tests.challenges import factory

LIBRARY = Path(__file__).resolve().parents[3] / "challenges/library/teaching-preferences/short-and-still-right"


def test_the_chosen_answers_are_those_that_dpo_is_trained_on_and_the_settings_stay():
    challenge = read_challenge(LIBRARY).challenge
    payload = read_payload(Source(LIBRARY), "", "findings/fast.yaml")
    assert isinstance(payload, TunePayload)
    alone = chosen_alone(challenge, payload)
    trained, held = held_out(tune(challenge), "dpo", payload.rows)
    assert held and [(row.input, row.output) for row in alone.rows] == [(row.prompt, row.chosen) for row in trained]
    assert (alone.method, alone.hyperparameters.beta, alone.hyperparameters.rpo_alpha) == ("lora", None, None)
    same = ("r", "lora_alpha", "learning_rate", "num_train_epochs", "per_device_train_batch_size")
    assert all(getattr(alone.hyperparameters, name) == getattr(payload.hyperparameters, name) for name in same)


def test_a_challenge_without_training_rows_shows_its_public_ones(tmp_path):
    root = factory.write_prompt_challenge(tmp_path)
    shown = public_rows(read_challenge(root))
    assert shown is not None and len(shown.rows) == 6
    bundle = replace(read_challenge(root), train=())
    without = public_rows(bundle)
    assert without is not None
    assert [row.input for row in without.rows] == [sample.input for sample in bundle.public]


def test_each_control_is_a_run_of_its_own_and_a_regression_knows_no_base_model(tmp_path):
    bundle = read_challenge(factory.write_prompt_challenge(tmp_path))
    payload = next(one.payload for one in bundle.baselines if one.payload.kind == "tune")

    def digest(control=None, seed=17, of=bundle):
        return run_digest(Repetition("a", "a", "a", of, payload, control, seed))

    assert len({digest(), digest("linear"), digest("sft"), digest("linear", 18)}) == 4
    other = bundle.challenge.model_copy(update={"model": "another"})
    moved = replace(bundle, challenge=other)
    assert digest("linear", of=moved) == digest("linear")
    assert digest(of=moved) != digest()
