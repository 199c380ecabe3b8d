import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from graders.base import Rejected, Score, Train
from tests.workers import oracle, tiny
from workers.engine.session import Session
from workers.engine.tuning import objectives, training
from workers.engine.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

ROWS = tuple(
    (f"Input: {text}\nOutput:", f" {label}")
    for text, label in [
        ("itchy rash on both arms", "skin"),
        ("pain after meals", "stomach"),
        ("short of breath", "heart"),
        ("a red rash", "skin"),
        ("a sour taste", "stomach"),
        ("swollen ankles", "heart"),
        ("itchy", "skin"),
    ]
)
SCORE = Score(tiny.NAME, "", tuple(prompt for prompt, _ in ROWS), (" skin", " stomach", " heart"))
TRAIN = Train(
    tiny.NAME, ROWS, ROWS[:3], r=4, lora_alpha=8, learning_rate=5e-3, num_train_epochs=6,
    per_device_train_batch_size=3, seed=17,
)  # fmt: skip


@pytest.fixture
def session(models_dir, tmp_path):
    return Session(models_dir, tmp_path)


def test_training_learns_its_rows_and_says_so(session):
    events = []
    trained = session.run(replace(TRAIN, num_train_epochs=25), Watch(events.append))
    losses = [event for event in events if event["type"] == "loss"]
    assert [event["step"] for event in losses] == list(range(1, 76)) and trained.steps == 75
    assert all(event["steps"] == 75 for event in losses)
    assert [event["step"] for event in losses if event["valid_loss"] is not None] == list(range(3, 76, 3))
    assert losses[-1]["train_loss"] < losses[0]["train_loss"] / 2
    checkpoints = [event["step"] for event in events if event["type"] == "checkpoint"]
    assert checkpoints == list(range(3, 76, 3)) and events[-1]["type"] == "checkpoint"
    scored = session.run(replace(SCORE, adapter=trained.files), Watch())
    best = [SCORE.labels[row.index(max(row))] for row in scored.logprobs]
    assert best == [label for _, label in ROWS]


def test_completion_ends_with_exactly_one_end_of_text(base):
    plain_row, chat_row = objectives.examples(base, [("Output:", " skin"), ("Output:", " skin<|im_end|>")], 512)
    assert plain_row == chat_row
    assert plain_row.tokens.count(base.eos) == 1 and plain_row.tokens[-1] == base.eos
    assert base.decode(plain_row.tokens[plain_row.start :]) == " skin"


def test_adapter_loads_in_plain_peft_and_scores_the_same(session, models_dir, base):
    trained = session.run(TRAIN, Watch())
    files = Path(trained.files)
    assert sorted(file.name for file in files.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    weights = load_file(files / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    assert trained.adapter_bytes == (files / "adapter_model.safetensors").stat().st_size
    assert str(models_dir) not in (files / "adapter_config.json").read_text()
    peft = PeftModel.from_pretrained(oracle.plain(models_dir / tiny.NAME), files).eval()
    assert peft.get_nb_trainable_parameters()[1] > 0
    scored = session.run(replace(SCORE, adapter=trained.files), Watch())
    for n, prompt in enumerate(SCORE.suffixes):
        expected = [oracle.label_logprob(peft, base, prompt, label, SCORE.labels) for label in SCORE.labels]
        assert scored.logprobs[n] == pytest.approx(expected, abs=2e-4)
    assert trained.valid_loss == pytest.approx(oracle.completion_loss(peft, base, ROWS[:3]), abs=0.02)


def test_one_adapter_never_leaks_into_another_job(session):
    untouched = session.run(SCORE, Watch())
    model = session.base(tiny.NAME).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = session.run(TRAIN, Watch())
    with_first = session.run(replace(SCORE, adapter=first.files), Watch())
    assert session.run(SCORE, Watch()).logprobs == untouched.logprobs
    second = session.run(replace(TRAIN, seed=3, rows=ROWS[:2]), Watch())
    with_second = session.run(replace(SCORE, adapter=second.files), Watch())
    again_first = session.run(replace(SCORE, adapter=first.files), Watch())
    assert session.run(SCORE, Watch()).logprobs == untouched.logprobs
    assert again_first.logprobs == with_first.logprobs != with_second.logprobs
    assert with_first.logprobs != untouched.logprobs
    assert session.base(tiny.NAME).model is model and before.keys() == model.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_cannot_be_trained_is_refused_without_its_text(session, monkeypatch):
    with pytest.raises(Rejected) as caught:
        session.run(replace(TRAIN, rows=(*ROWS, ("pain " * 100, " heart")), row_tokens_max=64), Watch())
    assert caught.value.code == "row_too_long"
    assert "row 8" in caught.value.detail and "pain" not in caught.value.detail
    with pytest.raises(ValueError, match="no adapter"):
        session.run(replace(TRAIN, target_modules="(a+)+$"), Watch())

    def greedy(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(training, "train", greedy)
    with pytest.raises(Rejected) as caught:
        session.run(TRAIN, Watch())
    assert caught.value.code == "out_of_memory"


def test_trial_run_ends_at_its_cap_on_the_same_course(session):
    whole, trial = [], []
    session.run(TRAIN, Watch(whole.append))
    trained = session.run(replace(TRAIN, max_steps=2), Watch(trial.append))
    assert trained.steps == 2
    kept = [event["train_loss"] for event in trial if event["type"] == "loss"]
    assert kept == [event["train_loss"] for event in whole if event["type"] == "loss"][:2]


def test_rate_warms_up_and_falls_to_zero():
    rates = [training.rate(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2) and max(rates) == rates[4] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0) and all(map(math.isfinite, rates))
    assert [training.rate(step, 1) for step in (0, 1)] == [1.0, pytest.approx(1.0)]


@pytest.mark.parametrize(
    "change",
    [{"r": 3}, {"r": "8"}, {"lora_alpha": None}, {"peft_type": "IA3"}, {"use_dora": True}, {"r": 8}],
    ids=str,
)
def test_foreign_adapter_is_refused_and_pickled_weights_are_never_read(session, base, change):
    files = Path(session.run(replace(TRAIN, max_steps=1), Watch()).files)
    config = files / "adapter_config.json"
    own = config.read_text()
    config.write_text(json.dumps(json.loads(own) | change))
    with pytest.raises((ValueError, RuntimeError)):
        session.run(replace(SCORE, adapter=str(files)), Watch())
    config.write_text(own)
    (files / "adapter_model.safetensors").rename(files / "adapter_model.bin")
    with pytest.raises(FileNotFoundError):
        session.run(replace(SCORE, adapter=str(files)), Watch())
