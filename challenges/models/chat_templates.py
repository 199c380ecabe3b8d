"""The chat template that comes with a base model: how a text becomes the turns that the model was trained to answer."""

from __future__ import annotations

import json

from challenges.models.base_models import data_dir
from challenges.models.catalogue import MODELS


def has_none(model: str | None) -> bool:
    """True if the model's files are on this machine and contain no chat template."""
    if model is None or model not in MODELS:
        return False
    return (data_dir() / "models" / model / "tokenizer.json").is_file() and not template_of(model)


def template_of(model: str | None) -> str:
    """The chat template as Jinja text; empty if there is none, or if the catalogue does not have the model."""
    if model is None or model not in MODELS:
        return ""
    folder = data_dir() / "models" / model
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text()
    config = folder / "tokenizer_config.json"
    template = json.loads(config.read_text()).get("chat_template") if config.is_file() else ""
    return template if isinstance(template, str) else ""
