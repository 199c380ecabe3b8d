"""TRL in a confined runner trains as our own steps do: the same losses, events, files and answers."""

import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from benchmarks import venvs
from challenges.models.catalogue import MODELS
from challenges.models.weight_files import weights_digest
from graders.base import Rejected, Score
from tests.docs.test_larger_models import config_of
from tests.workers.conftest import BUILT_IN
from tests.workers.engine.tuning.test_methods import ITEMS
from tests.workers.sandbox.test_needed_memory import peak_of
from tests.workers.sandbox.test_runner import Settled
from workers.sandbox import launch
from workers.sandbox.needed_memory import peak_bytes
from workers.sandbox.supervisor import Runner, Stopped

pytestmark = [pytest.mark.slow, pytest.mark.trl]
LARGE = "qwen2-5-1-5b-instruct"

ROWS = tuple(
    (f"Sort the complaint into skin, stomach or heart.\nInput: {text}\nOutput:", f" {label}")
    for text, label in (
        ("an itchy red rash on both arms since last week", "skin"),
        ("burning pain after meals", "stomach"),
        ("short of breath on the stairs, swollen ankles", "heart"),
        ("blisters on the heel", "skin"),
        ("a sour taste at night", "stomach"),
    )
)
SCORE = Score(BUILT_IN, "", tuple(prompt for prompt, _ in ROWS), (" skin", " stomach", " heart"))


@pytest.fixture
def runner(monkeypatch):
    """Makes runners over a folder of models, in which TRL is found and used unless `trainer` is `own`."""
    packages = next(venvs.folder("trl").glob("lib/python3*/site-packages"))
    monkeypatch.setenv("TRL_PACKAGES", str(packages.resolve()))
    monkeypatch.setattr(launch, "INHERITED", (*launch.INHERITED, "TRL_PACKAGES"))
    monkeypatch.setattr(launch, "MODULE", "tests.workers.training.runner_with_trl")
    made = []

    def make(models_dir, trainer):
        monkeypatch.setenv("GRADUS_TRAINER", trainer)
        made.append(Runner(threads=1, models_dir=models_dir, device="cpu", choices=Settled()))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(runner, item, should_stop=lambda: False, seconds=600):
    events = []
    return runner.run(item, on_event=events.append, should_stop=should_stop, seconds=seconds), events


def told(events):
    """What a learner is told, without the time that it took."""
    return [{key: value for key, value in event.items() if key != "seconds"} for event in events]


def same(one, other, tolerance):
    assert len(one) == len(other)
    for mine, its in zip(one, other, strict=True):
        assert mine.keys() == its.keys()
        for key, value in mine.items():
            assert its[key] == (pytest.approx(value, abs=tolerance) if isinstance(value, float) else value), key


def test_the_built_in_model_has_the_losses_files_and_answers_of_our_own_steps(runner, built_in_folder):
    item = replace(
        ITEMS["lora"], model=BUILT_IN, rows=ROWS, valid=ROWS[:2], r=8, learning_rate=1e-3, num_train_epochs=2,
        per_device_train_batch_size=2,
    )  # fmt: skip
    found = {}
    for trainer in ("own", "trl"):
        made = runner(built_in_folder.parent, trainer)
        before, _ = run(made, SCORE)
        trained, events = run(made, item)
        weights = load_file(f"{trained.files}/adapter_model.safetensors")
        answers, _ = run(made, replace(SCORE, adapter=trained.files))
        after, _ = run(made, SCORE)
        assert after.logprobs == before.logprobs, "the base itself is not changed"
        found[trainer] = trained, told(events), weights, answers.logprobs
    (own, its_events, its_weights, its_answers), (by_trl, events, weights, answers) = found["own"], found["trl"]
    losses = [[event["train_loss"] for event in one if "train_loss" in event] for one in (its_events, events)]
    print(f"\nlosses by our own steps and by TRL: {losses}")
    same(its_events, events, 1e-4)
    assert (own.steps, own.tokens, own.adapter_bytes) == (by_trl.steps, by_trl.tokens, by_trl.adapter_bytes)
    assert weights.keys() == its_weights.keys()
    for mine, its in zip(answers, its_answers, strict=True):
        assert mine == pytest.approx(its, abs=0.02)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_small_model_is_trained_alike_and_nothing_else_is_written(runner, models_dir, method):
    item = replace(ITEMS[method], per_device_train_batch_size=2, max_steps=5)
    made = runner(models_dir, "trl")
    trained, events = run(made, item)
    assert sorted(path.name for path in made._scratch.glob("adapter-*")) == [trained.files.rpartition("/")[2]]
    own, its_events = run(runner(models_dir, "own"), item)
    same(told(its_events), told(events), 1e-4)
    assert trained.valid_loss == pytest.approx(own.valid_loss, abs=1e-4)


def test_a_run_that_diverges_or_is_cancelled_ends_between_steps(runner, models_dir):
    made = runner(models_dir, "trl")
    with pytest.raises(Rejected) as caught:
        run(made, replace(ITEMS["full"], learning_rate=1e30, num_train_epochs=8))
    assert caught.value.code == "diverged"
    steps = []

    def stop():
        return len(steps) > 1

    with pytest.raises(Stopped):
        made.run(
            replace(ITEMS["lora"], num_train_epochs=2000), on_event=lambda event: steps.append(event),
            should_stop=stop, seconds=600,
        )  # fmt: skip
    assert made._process.poll() is None, "the runner is ready for its next job"
    assert run(made, replace(ITEMS["lora"], max_steps=1))[0].steps == 1


@pytest.fixture(scope="module")
def large(built_in_folder, tmp_path_factory):
    """A model of 1.5 billion random weights in fp32, in the shape of the catalogue's; 6 GB on the disk."""
    config, folder = config_of(LARGE), tmp_path_factory.mktemp("models") / LARGE
    config.eos_token_id = config.bos_token_id = config.pad_token_id = 2
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    assert sum(weight.numel() for weight in made.parameters()) == MODELS[LARGE].parameters
    made.save_pretrained(folder, max_shard_size="4GB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(built_in_folder / name, folder)
    (folder / "digest.txt").write_text(weights_digest(folder) + "\n")
    yield folder.parent
    shutil.rmtree(folder)


@pytest.mark.parametrize("trainer", ["trl", "own"])
def test_a_model_of_a_billion_and_a_half_weights_is_trained_within_its_bound(runner, large, trainer):
    """Two steps. In fp32, because bf16 takes hours on a CPU without products in it."""
    item, made = replace(ITEMS["lora"], model=LARGE, rows=ROWS, valid=ROWS[:1], max_steps=2), runner(large, trainer)
    item = replace(item, r=32, lora_alpha=32, learning_rate=1e-4, per_device_train_batch_size=2)
    trained, events = run(made, item, seconds=3600)
    losses = [event["train_loss"] for event in events if "train_loss" in event]
    bound = peak_bytes(config_of(LARGE), MODELS[LARGE].parameters)
    print(f"\n{trainer}: losses {losses}, peak {peak_of(made) / 1e9:.2f} GB, bound {bound / 1e9:.2f} GB")
    print(f"over the base {(trained.peak_bytes or 0) / 1e9:.2f} GB, {trained.seconds:.0f} s for {trained.steps} steps")
    assert len(losses) == 2 and all(10 < loss < 14 for loss in losses) and peak_of(made) < bound
