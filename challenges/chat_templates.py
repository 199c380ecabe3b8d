"""The chat template that comes with a base model: how a text becomes the turns that the model was trained to answer."""

from __future__ import annotations

import json

from challenges.catalogue import MODELS
from challenges.data_folder import data_dir


def has_none(model: str | None) -> bool:
    """Whether the model's files are here and there is no template among them."""
    if model is None or model not in MODELS:
        return False
    return (data_dir() / "models" / model / "tokenizer.json").is_file() and not template_of(model)


def template_of(model: str | None) -> str:
    """The template as Jinja text, empty where there is none. A name off the catalogue is not looked for on the disk."""
    if model is None or model not in MODELS:
        return ""
    folder = data_dir() / "models" / model
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text()
    config = folder / "tokenizer_config.json"
    found = json.loads(config.read_text()).get("chat_template") if config.is_file() else ""
    return found if isinstance(found, str) else ""
