"""Checks the files of the base models without loading them, so that the site needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.conf import settings

from challenges.models import catalogue
from challenges.models.weight_files import WEIGHTS, weight_files, weights_digest

FILES = (WEIGHTS, "config.json", "tokenizer.json", "tokenizer_config.json", "digest.txt")
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
    whole = weight_files(place) and all((place / file).is_file() for file in FILES if file != WEIGHTS)
    return "ready" if whole else "damaged"


def digest_holds(name: str) -> bool:
    """Returns True if the weights still have the digest that was stored when they were converted."""
    return weights_digest(folder(name)) == (folder(name) / "digest.txt").read_text().strip()
