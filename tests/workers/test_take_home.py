"""The script that learners take home trains the same adapter, with nothing but PEFT and transformers."""

import ast
import json
import re
import subprocess
import sys

import pytest

from challenges.kinds.tune import Hyperparameters, TunePayload
from challenges.spec import TrainRow
from graders.base import Train
from tests.graders.bundles import challenge
from tests.workers import tiny
from workers import take_home
from workers.engine.session import Session
from workers.engine.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

KNOBS = {"r": 4, "lora_alpha": 8, "learning_rate": 0.005, "num_train_epochs": 3, "per_device_train_batch_size": 4}
WORDS = ("itchy rash", "red rash on both arms", "pain", "swollen", "a rash and more", "short of breath on the stairs")
PAYLOAD = TunePayload(
    rows=tuple(TrainRow(input=word, output="Urologist") for word in WORDS), hyperparameters=Hyperparameters(**KNOBS)
)


def test_it_gets_the_losses_of_the_attempt(models_dir, tmp_path):
    spec = challenge(kind="tune", tune={})
    files = take_home.files(spec, PAYLOAD)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    rows = tuple(tuple(json.loads(line).values()) for line in files["rows.jsonl"].splitlines())
    events = []
    item = Train(tiny.NAME, rows, (), seed=17, **KNOBS)
    Session(models_dir, tmp_path / "ours").run(item, Watch(events.append))
    ours = [event["train_loss"] for event in events if event["type"] == "loss"]
    argv = [sys.executable, str(tmp_path / "train.py"), str(models_dir / tiny.NAME), str(tmp_path / "adapter")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = [float(loss) for loss in re.findall(r"loss ([0-9.]+)", done.stdout)]
    assert len(ours) == 6 and theirs == pytest.approx(ours, rel=0.01)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_it_holds_the_settings_and_rows_of_this_attempt_and_no_more():
    files = take_home.files(challenge(kind="tune", tune={}), PAYLOAD)
    ast.parse(files["train.py"])
    assert "'learning_rate': 0.005" in files["train.py"] and "'seed': 17" in files["train.py"]
    assert len(files["rows.jsonl"].splitlines()) == len(WORDS)
    other = PAYLOAD.model_copy(update={"method": "full"})
    assert take_home.files(challenge(kind="tune", tune={}), other) == {}
