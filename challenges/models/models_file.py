"""The operator's own base models: the file in `GRADUS_MODELS_FILE`, or `models.yaml` in the data folder.

Only who runs the site can write it. A challenge names a base model and never a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from challenges.data_folder import data_dir
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.models.base_models import BaseModel
from challenges.spec import Spec

NAME = "models.yaml"


class ModelsFileError(Exception):
    """The operator's file cannot be used; each line of the text says where, what is wrong and how to fix it."""


class Listed(Spec):
    """The whole file."""

    models: tuple[BaseModel, ...]


def models_file() -> Path | None:
    """The operator's file. None where the variable is not set and the data folder holds no such file."""
    named = os.environ.get("GRADUS_MODELS_FILE", "")
    if named:
        return Path(named)
    path = data_dir() / NAME
    return path if path.is_file() else None


def read_models(path: Path, taken: Iterable[str]) -> list[BaseModel]:
    """The base models of a YAML or JSON file; a relative `folder` is meant relative to the file's own folder.

    Raises `ModelsFileError` for everything that is wrong at once; names in `taken` are refused, as are names given
    twice.
    """
    path = path.resolve()
    source = Source(path.parent)
    located = source.yaml(path.name)
    listed = source.model(path.name, TypeAdapter(Listed), located)
    if listed is not None and located is not None:
        _refuse_doubles(source, path.name, located, listed, taken)
    if listed is None or source.problems:
        raise ModelsFileError("\n".join(f"{path.parent / str(problem)}" for problem in source.problems))
    return [replace(m, folder=path.parent / m.folder) if m.folder else m for m in listed.models]


def _refuse_doubles(source: Source, file: str, located: Located, listed: Listed, taken: Iterable[str]) -> None:
    seen = dict.fromkeys(taken, "is a built-in base model")
    for number, model in enumerate(listed.models):
        if model.name in seen:
            line = located.line("models", number, "name")
            source.add(file, line, f"`{model.name}` {seen[model.name]}", "choose another name")
        seen[model.name] = "stands twice"
