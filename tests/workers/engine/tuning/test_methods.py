"""Each training method against PEFT, transformers and bitsandbytes by hand: its losses, its files, its answers."""

import re
import shutil
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from graders.base import Generate, Rejected, Score, Train
from tests.workers import oracle, tiny
from workers.engine.model_files import PROJECT
from workers.engine.session import Session
from workers.engine.tuning import checkpoints, quantised
from workers.engine.watch import Stopped, Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

ROWS = (
    ("Input: itchy rash on both arms\nOutput:", " skin"),
    ("Input: pain after meals\nOutput:", " stomach"),
    ("Input: short of breath\nOutput:", " heart"),
)
PREFERENCES = tuple((prompt, short, f"{short}, which is where it hurts most") for prompt, short in ROWS)
LORA = Train(
    tiny.NAME, ROWS, ROWS[:2], r=4, lora_alpha=8, learning_rate=5e-3, num_train_epochs=4,
    per_device_train_batch_size=3, seed=17,
)  # fmt: skip
ITEMS = {
    "lora": LORA,
    "qlora": replace(LORA, method="qlora"),
    "full": replace(LORA, method="full", learning_rate=1e-3),
    "dpo": replace(LORA, method="dpo", rows=PREFERENCES, valid=PREFERENCES[:2], beta=0.3, rpo_alpha=0.5),
}
LABELS = (" skin", " stomach", " heart")


@pytest.fixture
def session(models_dir, tmp_path):
    return Session(models_dir, tmp_path)


def of_type(events, kind):
    return [event for event in events if event["type"] == kind]


def run(session, item):
    events = []
    return session.run(item, Watch(events.append)), of_type(events, "loss")


def in_4_bits(folder):
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    loaded = AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=config, dtype=torch.float32, device_map={"": "cpu"}
    )
    # In this mode bitsandbytes packs no weights anew for answers; there is no dropout.
    return loaded.requires_grad_(False).train()


def by_hand(method, folder, base):
    """The same training in plain PyTorch, over what the libraries load: the losses and the model."""
    item = ITEMS[method]
    if method == "full":
        model = oracle.plain(folder)
    else:
        model = oracle.adapted(in_4_bits(folder) if method == "qlora" else oracle.plain(folder), item)
    if method == "dpo":
        return oracle.trained_by_hand(model, item, lambda: oracle.dpo_loss(model, base, item)), model
    return oracle.trained_by_hand(model, item, lambda: oracle.mean_loss(model, base, item.rows)), model


@pytest.mark.parametrize("method", ITEMS)
def test_losses_of_every_step_agree_with_the_libraries_by_hand(session, models_dir, base, method):
    trained, losses = run(session, ITEMS[method])
    expected, _ = by_hand(method, models_dir / tiny.NAME, base)
    assert [event["train_loss"] for event in losses] == pytest.approx(expected, rel=1e-3)
    assert trained.train_loss < losses[0]["train_loss"]


@pytest.mark.parametrize("method", ITEMS)
def test_answers_come_from_what_was_trained(session, models_dir, base, method):
    """The saved files, loaded by the libraries over the base that the method has trained on, score the same."""
    trained, _ = run(session, ITEMS[method])
    files = Path(trained.files)
    if method == "full":
        loaded = AutoModelForCausalLM.from_pretrained(files, dtype=torch.float32).eval()
    else:
        plain = in_4_bits if method == "qlora" else oracle.plain
        # In training mode, since for answers bitsandbytes packs weights in a way for which the tiny ones are too small.
        loaded = PeftModel.from_pretrained(plain(models_dir / tiny.NAME), files).train()
    prompts = tuple(prompt for prompt, _ in ROWS)
    scored = session.run(Score(tiny.NAME, "", prompts, LABELS, adapter=trained.files), Watch())
    for prompt, found in zip(prompts, scored.logprobs, strict=True):
        expected = [oracle.label_logprob(loaded, base, prompt, label, LABELS) for label in LABELS]
        assert found == pytest.approx(expected, abs=2e-3)
    texts = session.run(Generate(tiny.NAME, "", prompts, 6, adapter=trained.files), Watch()).texts
    assert texts == [base.decode(oracle.greedy(loaded, base, prompt, 6)) for prompt in prompts]


def test_a_checkpoint_is_one_bf16_file_with_what_transformers_needs_and_no_other_is_loaded(session):
    trained, _ = run(session, ITEMS["full"])
    files = Path(trained.files)
    file = files / checkpoints.WEIGHTS
    assert {value.dtype for value in load_file(file).values()} == {torch.bfloat16}
    assert {file.name for file in files.iterdir()} == {"model.safetensors", "config.json", "tokenizer.json"}
    assert (trained.adapter_bytes, trained.trainable_share) == (file.stat().st_size, 1.0)
    assert "split" not in (files / "config.json").read_text()
    save_file({"another": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match="do not fit"):
        session.run(Score(tiny.NAME, "", ("a",), LABELS, adapter=trained.files), Watch())


def test_an_adapter_over_4_bits_says_so_and_without_bitsandbytes_the_method_is_refused(session, monkeypatch):
    trained, _ = run(session, ITEMS["qlora"])
    plain, _ = run(session, LORA)
    assert (Path(trained.files) / quantised.MARK).is_file() and not (Path(plain.files) / quantised.MARK).exists()
    assert trained.adapter_bytes == plain.adapter_bytes
    assert trained.trainable_share == plain.trainable_share < 0.5
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(Rejected) as caught:
        run(session, ITEMS["qlora"])
    assert caught.value.code == "method_unavailable"


def test_a_base_in_4_bits_is_smaller(base):
    made = quantised.quantised_model(base.model, bf16=False)
    linear = [module for module in made.modules() if isinstance(module, torch.nn.Linear)]
    packed = [module for module in linear if module is not made.get_output_embeddings()]
    assert len(packed) == 7 * 3 and {module.weight.dtype for module in packed} == {torch.uint8}
    assert sum(m.weight.numel() for m in packed) * 2 == sum(m.in_features * m.out_features for m in packed)


def test_margin_and_accuracy_are_told_and_the_reference_is_computed_once_for_each_pair(session, monkeypatch):
    trained, losses = run(session, replace(ITEMS["dpo"], num_train_epochs=12))
    assert losses[0]["margin"] == pytest.approx(0.0, abs=1e-5) and losses[0]["accuracy"] <= 1
    assert losses[-1]["margin"] > 0.5 and losses[-1]["accuracy"] == 1.0
    assert losses[-1]["valid_margin"] > 0.5 and losses[-1]["valid_accuracy"] == 1.0
    assert trained.figures == {name: losses[-1][name] for name in ("valid_margin", "valid_accuracy")}
    assert "margin" not in run(session, LORA)[1][-1]
    entered, real = [], PeftModel.disable_adapter
    monkeypatch.setattr(PeftModel, "disable_adapter", lambda self: entered.append(1) or real(self))
    run(session, replace(ITEMS["dpo"], valid=()))
    assert len(entered) == 1


@pytest.mark.parametrize("method", ITEMS)
def test_a_seed_settles_each_method(session, method):
    item = replace(ITEMS[method], num_train_epochs=2, per_device_train_batch_size=2)
    trained = [run(session, replace(item, seed=seed))[0] for seed in (17, 17, 3)]
    first, again, other = ({file.name: file.read_bytes() for file in Path(made.files).iterdir()} for made in trained)
    assert first == again != other


@pytest.mark.parametrize("method", ITEMS)
def test_a_method_diverges_stops_is_capped_and_leaves_the_base_as_it_was(session, method):
    before = {name: value.clone() for name, value in session.base(tiny.NAME).model.state_dict().items()}
    with pytest.raises(Rejected) as caught:
        run(session, replace(ITEMS[method], learning_rate=1e30, valid=()))
    assert caught.value.code == "diverged"
    events = []
    with pytest.raises(Stopped):
        session.run(ITEMS[method], Watch(events.append, lambda: len(events) > 2))
    assert run(session, replace(ITEMS[method], max_steps=2))[0].steps == 2
    after = session.base(tiny.NAME).model
    assert all(torch.equal(value, before[name]) for name, value in after.state_dict().items())
    assert not any(weight.requires_grad for weight in after.parameters())


def test_each_side_of_a_preference_keeps_to_the_longest_row(session):
    rows = (*PREFERENCES, (PREFERENCES[0][0], " skin", " skin" * 80))
    with pytest.raises(Rejected) as caught:
        run(session, replace(ITEMS["dpo"], rows=rows, row_tokens_max=64))
    assert caught.value.code == "row_too_long" and "row 4" in caught.value.detail


def held_bytes(model):
    """Memory behind the weights; those of one file count as the whole file."""
    storages = {weight.untyped_storage().data_ptr(): weight.untyped_storage() for weight in model.parameters()}
    return sum(storage.nbytes() for storage in storages.values())


def test_while_qlora_trains_the_base_is_held_in_4_bits_alone_and_the_adapter_is_the_same(session, monkeypatch):
    model, seen = session.base(tiny.NAME).model, []
    whole = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    assert held_bytes(model) >= whole

    @contextmanager
    def look():
        seen.append(held_bytes(model))
        yield

    alone = session.run(ITEMS["qlora"], Watch(), training_within=look)
    packed = [weight.numel() * 8 for weight, _ in quantised.quantised_weights(model).values()]
    number = model.get_input_embeddings().weight.element_size()
    assert seen[0] == whole - sum(packed) + number * len(packed) < whole / 2, "one number for each layer in 4 bits"
    assert session.base(tiny.NAME).model is model and held_bytes(model) >= whole
    monkeypatch.setattr(quantised, "only_4_bit_weights", lambda base, folder: nullcontext())
    beside = session.run(ITEMS["qlora"], Watch(), training_within=look)
    assert seen[1] >= whole
    files = [{f.name: f.read_bytes() for f in Path(one.files).iterdir()} for one in (alone, beside)]
    assert files[0] == files[1] and alone.valid_loss == beside.valid_loss
    item = Score(tiny.NAME, "", ("Input: itchy rash\nOutput:",), LABELS)
    answers = [session.run(replace(item, adapter=one.files), Watch()).logprobs for one in (alone, beside)]
    assert answers[0] == answers[1] != session.run(item, Watch()).logprobs


def test_a_base_that_could_not_be_loaded_again_answers_nothing(models_dir, tmp_path):
    shutil.copytree(models_dir / tiny.NAME, tmp_path / "models" / tiny.NAME)
    session = Session(tmp_path / "models", tmp_path)
    weights = tmp_path / "models" / tiny.NAME / "model.safetensors"

    @contextmanager
    def lost():
        weights.rename(tmp_path / "away")
        yield

    with pytest.raises(FileNotFoundError):
        session.run(ITEMS["qlora"], Watch(), training_within=lost)
    item = Score(tiny.NAME, "", ("Input: itchy rash\nOutput:",), LABELS)
    with pytest.raises(FileNotFoundError):
        session.run(item, Watch())
    (tmp_path / "away").rename(weights)
    assert session.run(item, Watch()).logprobs == Session(models_dir, tmp_path).run(item, Watch()).logprobs


@pytest.mark.slow
def test_the_built_in_model_takes_in_4_bits_what_lesson_and_documentation_say(built_in_folder, tmp_path):
    session, held = Session(built_in_folder.parent, tmp_path), []
    model = session.base(built_in_folder.name).model
    whole = sum(weight.numel() * weight.element_size() for weight in model.parameters())

    @contextmanager
    def look():
        states = [(weight, state.absmax) for weight, state in quantised.quantised_weights(model).values()]
        held.append(held_bytes(model) + sum(one.numel() * one.element_size() for pair in states for one in pair))
        yield

    session.run(replace(ITEMS["qlora"], model=built_in_folder.name, max_steps=1), Watch(), training_within=look)
    said = f"takes {held[0] / 1e6:.0f} MB [^.]*instead of {whole / 1e6:.0f} MB"
    lesson = "challenges/library/fine-tuning-in-practice/lesson.md"
    for text in (lesson, "docs/bundle.md"):
        assert re.search(said, (PROJECT / text).read_text()), said
