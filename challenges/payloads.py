"""What a learner submits. Shapes only; limits and tokens are checked in `challenges.check`."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from challenges.spec import TrainRow


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(Payload):
    input: Annotated[str, Field(min_length=1, max_length=8192)]
    output: Annotated[str, Field(min_length=1, max_length=8192)]


class PromptPayload(Payload):
    """`label_words` are the words that the model writes for labels: a verbalizer (Schick and Schütze 2021)."""

    kind: Literal["prompt"] = "prompt"
    instructions: str = Field("", max_length=16_384)
    examples: tuple[Example, ...] = Field((), max_length=64)
    example: str | None = Field(None, max_length=2000, description="Row template; only {input} and {output}")
    label_words: dict[str, str] = Field({}, max_length=50, description="The model's word for a label, by label")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON knows one kind of number, so that 3.0 is 3.
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]


class Hyperparameters(Payload):
    """PEFT's and transformers' names. Values outside a challenge's knobs are refused at submit."""

    r: Literal[4, 8, 16, 32] = 8
    lora_alpha: Literal[4, 8, 16, 32, 64] = 16
    learning_rate: float = Field(0.001, gt=0, le=0.1, allow_inf_nan=False, strict=True)
    num_train_epochs: Whole = Field(3, ge=1, le=20)
    per_device_train_batch_size: Whole = Field(16, ge=1, le=16)


class LoraPayload(Payload):
    kind: Literal["lora"] = "lora"
    instructions: str = Field("", max_length=16_384)
    rows: tuple[TrainRow, ...] = Field(min_length=1, max_length=2000)
    hyperparameters: Hyperparameters = Hyperparameters()


class FreeTextPayload(Payload):
    kind: Literal["free_text"] = "free_text"
    answer: str = Field(max_length=16_384)


Submitted = PromptPayload | LoraPayload | FreeTextPayload
AnyPayload = Annotated[Submitted, Field(discriminator="kind")]
adapter: TypeAdapter[PromptPayload | LoraPayload | FreeTextPayload] = TypeAdapter(AnyPayload)


def canonical(payload: Payload) -> str:
    """The one JSON text of a payload: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(payload.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(payload: Payload) -> str:
    """Hex digest of the canonical text; equal payloads have equal digests."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()


def parse(data: dict[str, Any]) -> PromptPayload | LoraPayload | FreeTextPayload:
    """Raises `pydantic.ValidationError`, whose locations name the field."""
    return adapter.validate_python(data)
