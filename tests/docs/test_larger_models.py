"""Larger base models: an entry has the weights of its architecture, and the page the memory of the formula."""

from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM

from challenges.models.catalogue import BUILT_IN
from challenges.models.larger import LARGER
from workers.sandbox.needed_memory import answering_bytes, peak_bytes

PAGE = (Path(__file__).resolve().parents[2] / "docs/operations/larger-models.md").read_text()
QWEN, LLAMA = {"num_key_value_heads": 2, "vocab_size": 151_936}, {"num_key_value_heads": 8, "vocab_size": 128_256}
# Kind, hidden size, inner size, layers, heads, whether the vocabulary's table is also the head, and what else counts.
SIZES = {
    "qwen2-5-0-5b-instruct": ("qwen2", 896, 4864, 24, 14, True, QWEN),
    "gemma-3-1b-it": (
        "gemma3_text", 1152, 6912, 26, 4, True,
        {"num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262_144},
    ),
    "llama-3-2-1b-instruct": ("llama", 2048, 8192, 16, 32, True, LLAMA),
    "qwen2-5-1-5b-instruct": ("qwen2", 1536, 8960, 28, 12, True, QWEN),
    "smollm2-1-7b-instruct": ("llama", 2048, 8192, 24, 32, True, {"num_key_value_heads": 32, "vocab_size": 49_152}),
    "mistral-7b-instruct-v0-3": ("mistral", 4096, 14336, 32, 32, False, LLAMA | {"vocab_size": 32_768}),
    "qwen2-5-7b-instruct": (
        "qwen2", 3584, 18944, 28, 28, False, {"num_key_value_heads": 4, "vocab_size": 152_064},
    ),
    "llama-3-1-8b-instruct": ("llama", 4096, 14336, 32, 32, False, LLAMA),
}  # fmt: skip


def config_of(name):
    kind, hidden, inner, layers, heads, tied, more = SIZES[name]
    return AutoConfig.for_model(
        kind, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        tie_word_embeddings=tied, **more,
    )  # fmt: skip


def test_there_are_models_of_four_families_from_half_a_billion_to_eight_billion_weights():
    families = {name.partition("-")[0] for name in LARGER}
    assert families == {"qwen2", "gemma", "llama", "smollm2", "mistral"}
    counts = sorted(model.parameters for model in LARGER.values())
    assert counts[0] < 0.5e9 < 8e9 < counts[-1]
    for name, model in LARGER.items():
        assert BUILT_IN[name] is model and model.on_request and model.weights == "bfloat16"
        assert (model.revision, model.sha256) == ("main", None), "these are what `fetch_models` finds"


@pytest.mark.parametrize("name", LARGER)
def test_an_entry_has_the_weights_of_its_architecture(name):
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(config_of(name))
    assert sum(weight.numel() for weight in made.parameters()) == LARGER[name].parameters


def row(name):
    model, config = LARGER[name], config_of(name)
    bounds = [(bound, size) for size in (2, 4) for bound in (answering_bytes, peak_bytes)]
    needs = [bound(config, model.parameters, size=size) / 2**30 for bound, size in bounds]
    cells = (
        f"`{name}`", f"`{model.hub}`", model.licence, f"{model.parameters:,}", f"{model.context:,}",
        f"{model.parameters * 2 / 1e9:.1f}", *(f"{need:.1f}" for need in needs),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_page_lists_what_the_entries_and_the_formula_say():
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == [row(name) for name in LARGER]


def test_the_entry_of_the_page_is_one_that_is_read():
    found = yaml.safe_load(PAGE.partition("```yaml\n")[2].partition("```")[0])
    assert [model["weights"] for model in found["models"]] == ["bfloat16"]
