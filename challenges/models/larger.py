"""Larger base models of four families and the built-in one's, which a site fetches only if its operator names them.

Their sizes are those of the checkpoints that their makers published. No revision or digest stands here:
`fetch_models` takes the newest revision, and writes down which one it was, with the digest of its weights, in the
model's folder. Runners hold these weights in bf16, as they were published.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from challenges.models.base_models import BaseModel

SOURCE = "source.json"
"""In the model's folder: the revision of the hub and the digest that were fetched."""

CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LLAMA_3 = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
)


def _model(
    name: str, title: str, hub: str, licence: str, parameters: int, context: int, special_tokens: tuple[str, ...]
) -> BaseModel:
    return BaseModel(
        name=name,
        title=title,
        hub=hub,
        licence=licence,
        parameters=parameters,
        context=context,
        special_tokens=special_tokens,
        precision="bfloat16",
        weights="bfloat16",
        on_request=True,
    )


LARGER = {
    model.name: model
    for model in (
        _model(
            "qwen2-5-0-5b-instruct", "Qwen2.5 0.5B Instruct", "Qwen/Qwen2.5-0.5B-Instruct",
            "Apache-2.0", 494_032_768, 32_768, CHATML,
        ),
        _model(
            "gemma-3-1b-it", "Gemma 3 1B", "google/gemma-3-1b-it",
            "Gemma Terms of Use", 999_885_952, 32_768, ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        ),
        _model(
            "llama-3-2-1b-instruct", "Llama 3.2 1B Instruct", "meta-llama/Llama-3.2-1B-Instruct",
            "Llama 3.2 Community License", 1_235_814_400, 131_072, LLAMA_3,
        ),
        _model(
            "qwen2-5-1-5b-instruct", "Qwen2.5 1.5B Instruct", "Qwen/Qwen2.5-1.5B-Instruct",
            "Apache-2.0", 1_543_714_304, 32_768, CHATML,
        ),
        _model(
            "smollm2-1-7b-instruct", "SmolLM2 1.7B Instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct",
            "Apache-2.0", 1_711_376_384, 8_192, CHATML,
        ),
        _model(
            "mistral-7b-instruct-v0-3", "Mistral 7B Instruct v0.3", "mistralai/Mistral-7B-Instruct-v0.3",
            "Apache-2.0", 7_248_023_552, 32_768, ("<s>", "</s>", "[INST]", "[/INST]"),
        ),
        _model(
            "qwen2-5-7b-instruct", "Qwen2.5 7B Instruct", "Qwen/Qwen2.5-7B-Instruct",
            "Apache-2.0", 7_615_616_512, 32_768, CHATML,
        ),
        _model(
            "llama-3-1-8b-instruct", "Llama 3.1 8B Instruct", "meta-llama/Llama-3.1-8B-Instruct",
            "Llama 3.1 Community License", 8_030_261_248, 131_072, LLAMA_3,
        ),
    )
}  # fmt: skip


def filled(model: BaseModel, folder: Path) -> BaseModel:
    """The entry with the revision and the digest that `fetch_models` has written into the model's folder."""
    try:
        found: Any = json.loads((folder / SOURCE).read_text())
    except (OSError, ValueError):
        return model
    if not isinstance(found, dict):
        return model
    values = {key: found[key] for key in ("revision", "sha256") if isinstance(found.get(key), str)}
    return replace(model, **values)
