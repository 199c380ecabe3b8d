"""Random weights of the built-in model's configuration, for machines to which the weights cannot travel."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from benchmarks import inference
from benchmarks.work import oracle, random_weights, works
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import shape
from workers.engine import models
from workers.take_home.base import sha256

pytestmark = pytest.mark.usefixtures("own_data")


@pytest.fixture
def source(models_dir, tmp_path, monkeypatch):
    """The tiny model as a machine has it to which the weights did not travel."""
    monkeypatch.setattr(random_weights, "MODEL", "tiny")
    shutil.copytree(models_dir / "tiny", tmp_path / "models" / "tiny")
    (tmp_path / "models" / "tiny" / "model.safetensors").unlink()
    return tmp_path / "models"


def test_the_folder_has_the_configuration_and_seeded_weights(source, tmp_path, models_dir):
    first = random_weights.folder(source, tmp_path / "first")
    second = random_weights.folder(source, tmp_path / "second")
    weights = [load_file(folder / "tiny" / "model.safetensors") for folder in (first, second, models_dir)]
    assert weights[0].keys() == weights[1].keys() == weights[2].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])
    made, real = (models.load(folder / "tiny") for folder in (first, models_dir))
    assert made.encode(["an itchy rash"]) == real.encode(["an itchy rash"])
    assert (made.eos, made.context) == (real.eos, real.context)
    assert made.digest == sha256(first / "tiny" / "model.safetensors") != real.digest


@pytest.mark.slow
def test_ours_is_compared_with_the_oracle_on_random_weights(source, tmp_path):
    folder = random_weights.folder(source, tmp_path / "made")
    base = models.load(folder / "tiny")
    work = works.prepare(base, works.Oracle(folder / "tiny", kept=tmp_path / "oracle"), shape("60/30/4/3"))
    assert work.truth == oracle.label_logprobs(oracle.load(folder / "tiny"), work.rows)
    assert inference.our_figure(base, work, Setup(folder, "float32", 1)).difference < 1e-3


def test_without_a_configuration_the_command_says_what_to_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit):
        inference.arguments(["--random-weights"])
    said = capsys.readouterr().err
    assert "lacks config.json, generation_config.json, tokenizer.json, tokenizer_config.json: run `make models`" in said
