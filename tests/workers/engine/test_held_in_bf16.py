"""A base model whose weights are held in bf16 and lie in several files: it answers, is trained, and is loaded once."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from graders.base import Generate, Score
from tests.workers import oracle, tiny
from tests.workers.engine.test_paths import ROWS, TRAIN
from tests.workers.engine.test_scoring import LABELS, PROMPT, suffixes
from tests.workers.engine.tuning.test_methods import ITEMS
from workers.engine import models, plain, scoring
from workers.engine.session import Session
from workers.engine.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

ITEM = Score(tiny.NAME, PROMPT, suffixes(24), LABELS)
TEXTS = Generate(tiny.NAME, PROMPT, suffixes(6), 8, ())


@pytest.fixture(scope="module")
def folder(models_dir, tmp_path_factory):
    """The tiny Llama in bf16, in several files."""
    made = tmp_path_factory.mktemp("shards") / tiny.NAME
    AutoModelForCausalLM.from_pretrained(models_dir / tiny.NAME, dtype=torch.bfloat16).save_pretrained(
        made, max_shard_size="50KB"
    )
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (made / file).write_bytes((models_dir / tiny.NAME / file).read_bytes())
    assert len(list(made.glob("model-*.safetensors"))) > 1
    return made


@pytest.fixture
def session(folder, tmp_path):
    return Session(folder.parent, tmp_path)


def best(rows):
    return [max(range(len(row)), key=row.__getitem__) for row in rows]


def test_it_is_loaded_once_and_its_prompts_are_shared(folder, monkeypatch):
    loads, load = [], models.load
    monkeypatch.setattr(models, "load", lambda *given, **more: loads.append(given) or load(*given, **more))
    base = plain.load_checked(folder, "cpu")
    assert base.split and base.in_bf16 and len(loads) == 1
    assert {weight.dtype for weight in base.model.parameters()} == {torch.bfloat16}
    assert base.bf16_copy is base.model


def test_labels_are_those_of_fp32_and_neither_they_nor_texts_depend_on_the_rows_beside_them(session, folder):
    found = session.run(ITEM, Watch()).logprobs
    exact, base = oracle.plain(folder), models.load(folder)
    for suffix, row in zip(ITEM.suffixes, found, strict=True):
        wanted = [oracle.label_logprob(exact, base, PROMPT + suffix, label, LABELS) for label in LABELS]
        assert row == pytest.approx(wanted, abs=0.5)
    apart = [session.run(replace(ITEM, suffixes=(one,)), Watch()).logprobs[0] for one in ITEM.suffixes[:8]]
    other = session.run(replace(ITEM, suffixes=ITEM.suffixes[:8][::-1]), Watch()).logprobs[::-1]
    assert best(apart) == best(other) == best(found[:8])
    close = [n for n, row in enumerate(found) if scoring.margin(row, ()) < models.BF16_TIE_MARGIN]
    assert all(found[n] == apart[n] for n in close if n < 8)
    together = session.run(TEXTS, Watch()).texts
    assert together == [session.run(replace(TEXTS, suffixes=(one,)), Watch()).texts[0] for one in TEXTS.suffixes]


@pytest.mark.parametrize("method", ITEMS)
def test_every_method_trains_over_it_and_answers(session, method):
    losses = []
    watch = Watch(lambda event: losses.append(event["train_loss"]) if event["type"] == "loss" else None)
    trained = session.run(replace(ITEMS[method], num_train_epochs=8), watch)
    assert losses[-1] < losses[0]
    item = replace(ITEM, suffixes=ITEM.suffixes[:4])
    before, after = session.run(item, Watch()), session.run(replace(item, adapter=trained.files), Watch())
    assert before.logprobs != after.logprobs
    assert session.run(item, Watch()).logprobs == before.logprobs, "the base itself is not changed"


def test_an_adapter_stays_beside_the_weights_which_are_shared(session):
    trained = session.run(replace(TRAIN, rows=ROWS), Watch())
    session.run(replace(ITEM, suffixes=ITEM.suffixes[:2], adapter=trained.files), Watch())
    base, adapted = session._base.model, session._adapted[1].model
    own = {weight.data_ptr() for weight in base.parameters()}
    new = [weight for weight in adapted.parameters() if weight.data_ptr() not in own]
    assert {weight.dtype for weight in new} == {torch.float32}
    assert sum(weight.numel() for weight in new) < 0.5 * sum(weight.numel() for weight in base.parameters())
