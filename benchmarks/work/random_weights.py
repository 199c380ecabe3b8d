"""A folder of base models in which the built-in one has its own configuration and tokenizer, and random weights.

For machines to which the weights cannot travel. Speed does not depend on the weights, and agreement with the oracle
can be shown on any.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.work.items import MODEL
from workers.engine import model_files
from workers.take_home.base import sha256

SEED = 1
FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
WEIGHTS = "model.safetensors"


class NoConfiguration(Exception):
    """The built-in model's configuration or tokenizer is missing; the text says what to do."""


def folder(source: Path | None = None, place: Path | None = None) -> Path:
    """The folder of base models; made on first use from the built-in model's own, of which no weights are read.

    Raises `NoConfiguration`.
    """
    own, made = (source or model_files.models_dir()) / MODEL, place or model_files.data_dir() / "random-weights"
    if missing := [name for name in FILES if not (own / name).is_file()]:
        raise NoConfiguration(f"{own} lacks {', '.join(missing)}: run `make models`, or copy these files there")
    if not (made / MODEL / WEIGHTS).is_file():
        _write(own, made / MODEL)
    return made


def _write(source: Path, target: Path) -> None:
    """The weights come last: without them the folder is written anew."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, target / name)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source), dtype=torch.float32)
    model.save_pretrained(target)
    (target / "digest.txt").write_text(sha256(target / WEIGHTS) + "\n")
