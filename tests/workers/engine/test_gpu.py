"""The same engine on a GPU: what the CPU finds, within the tolerance of another order of sums."""

from dataclasses import replace

import pytest

from graders.base import Generate
from tests.workers import tiny
from tests.workers.engine.test_paths import ITEM, PROMPT, TRAIN
from workers.engine.choice import DEFAULT
from workers.engine.session import Session
from workers.engine.watch import Watch

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture
def pair(models_dir, tmp_path):
    return [Session(models_dir, tmp_path / device, device=device) for device in ("cpu", "cuda")]


def test_labels_and_log_probabilities_agree(pair):
    cpu, gpu = (session.run(ITEM, Watch()).logprobs for session in pair)
    for one, other in zip(cpu, gpu, strict=True):
        assert other == pytest.approx(one, abs=1e-2)


def test_low_precision_decides_alike(pair):
    in_bf16 = pair[1].run(ITEM, Watch(), replace(DEFAULT, dtype="bfloat16")).logprobs
    exact = pair[0].run(ITEM, Watch()).logprobs
    assert [row.index(max(row)) for row in in_bf16] == [row.index(max(row)) for row in exact]


def test_texts_agree(pair):
    item = Generate(tiny.NAME, PROMPT, ("Input: rash", "printer", "x"), 12)
    cpu, gpu = (session.run(item, Watch()).texts for session in pair)
    assert cpu == gpu


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_ends_where_the_cpu_ends_and_its_adapter_works_there(models_dir, tmp_path, pair, dtype):
    session = Session(models_dir, tmp_path, device="cuda", dtype=dtype)
    item = replace(TRAIN, num_train_epochs=20)
    trained, wanted = session.run(item, Watch()), pair[0].run(item, Watch())
    assert trained.valid_loss == pytest.approx(wanted.valid_loss, rel=0.1, abs=0.05)
    on_cpu = pair[0].run(replace(ITEM, adapter=trained.files), Watch()).logprobs
    on_gpu = pair[1].run(replace(ITEM, adapter=trained.files), Watch()).logprobs
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert other == pytest.approx(one, abs=1e-2)
