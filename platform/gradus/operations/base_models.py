"""Checks the files of the base models without loading them, so that the site needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from django.conf import settings

from challenges.models import catalogue

FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "digest.txt")
State = Literal["ready", "missing", "damaged"]


def folder(name: str, data_dir: Path | None = None) -> Path:
    return Path(data_dir or settings.DATA_DIR) / "models" / name


def wanted() -> list[str]:
    """The models that this machine should have."""
    return catalogue.wanted(lambda name: folder(name).exists())


def state(name: str, data_dir: Path | None = None) -> State:
    """Returns the state of a model, judged by which files exist. `digest_holds` also reads the weights."""
    place = folder(name, data_dir)
    if not place.exists():
        return "missing"
    return "ready" if all((place / file).is_file() for file in FILES) else "damaged"


def digest_holds(name: str) -> bool:
    """Returns True if the weights still have the digest that was stored when they were converted."""
    with (folder(name) / "model.safetensors").open("rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    return found == (folder(name) / "digest.txt").read_text().strip()
