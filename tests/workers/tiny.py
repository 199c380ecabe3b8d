"""Makes a tiny base model with random weights and a tokenizer trained on a few sentences."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

from workers.take_home.base import sha256

NAME = "tiny"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SENTENCES = [
    "Sort each complaint into a specialty: skin, stomach, heart, brain or infectious disease.",
    "Input: an itchy red rash on both arms since last week\nOutput: skin",
    "Input: burning pain after meals and a sour taste at night\nOutput: stomach",
    "Input: short of breath on the stairs, swollen ankles\nOutput: heart",
    '{"product": "printer", "urgent": "yes"}',
]


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    made.train_from_iterator(SENTENCES, trainer)
    return made


def build(models_dir: Path, name: str = NAME, kind: str = "llama", **changes: object) -> Path:
    """Writes the folder of the model in the layout of `workers.engine.fetch`; returns it."""
    folder = models_dir / name
    folder.mkdir(parents=True)
    tokens = tokenizer()
    sizes = {
        "vocab_size": tokens.get_vocab_size(),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "initializer_range": 0.25,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = AutoConfig.for_model(kind, **sizes | changes)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokens.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "digest.txt").write_text(sha256(folder / "model.safetensors") + "\n")
    return folder
