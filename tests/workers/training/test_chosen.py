"""Whether TRL makes the steps of a training run."""

import pytest

from workers import status
from workers.training import chosen

BUILT_IN, LARGER = "smollm2-135m-instruct", "qwen2-5-1-5b-instruct"


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(chosen, "is_installed", lambda: True)


@pytest.mark.parametrize(
    ("setting", "device", "model", "method", "by_trl"),
    [
        ("", "cuda", LARGER, "lora", True),
        ("auto", "cuda", "house-model", "full", True),
        ("auto", "cuda", BUILT_IN, "lora", False),
        ("auto", "cpu", LARGER, "lora", False),
        ("own", "cuda", LARGER, "lora", False),
        ("trl", "cpu", BUILT_IN, "lora", True),
        ("trl", "cuda", LARGER, "qlora", False),
        ("trl", "cuda", LARGER, "dpo", False),
    ],
)
def test_the_setting_the_device_the_model_and_the_method_decide(
    installed, monkeypatch, setting, device, model, method, by_trl
):
    monkeypatch.setenv("GRADUS_TRAINER", setting)
    assert chosen.by_trl(method, model, device) is by_trl


def test_without_trl_the_steps_are_our_own(monkeypatch):
    monkeypatch.setattr(chosen, "is_installed", lambda: False)
    for setting in ("auto", "trl"):
        monkeypatch.setenv("GRADUS_TRAINER", setting)
        assert not chosen.by_trl("lora", LARGER, "cuda") and not chosen.may_be_trl("cuda")


def test_a_retry_is_claimed_where_the_same_trainer_is(installed, monkeypatch):
    runner = type("Runner", (), {"device": "cuda", "dtype": "float32", "threads": 8})
    monkeypatch.delenv("GRADUS_TRAINER", raising=False)
    assert status.profile(runner) == "cuda/float32/8/trl"
    monkeypatch.setenv("GRADUS_TRAINER", "own")
    assert status.profile(runner) == "cuda/float32/8"
