"""What the built-in base model gives for the next token, and what it writes, for claims that show it from inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from tokenizers import Tokenizer

from workers.engine import models
from workers.engine.model_files import models_dir

NAME = "smollm2-135m-instruct"
SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(models_dir() / NAME / "tokenizer.json"))


@cache
def base() -> models.Base:
    return models.load(models_dir() / NAME)


def ids(text: str) -> list[int]:
    found: list[int] = tokenizer().encode(text, add_special_tokens=False).ids
    return found


def pieces(text: str) -> list[str]:
    """The tokens of a text as parts of it; a character that is cut stands in each of its tokens."""
    return [text[begin:end] for begin, end in tokenizer().encode(text, add_special_tokens=False).offsets]


@torch.no_grad()
def probabilities(text: str, temperature: float = 1.0) -> torch.Tensor:
    """The probability of each token of the list to come next, of shape (tokens,)."""
    logits = base().model(torch.tensor([ids(text)])).logits[0, -1].double()
    return torch.softmax(logits / temperature, dim=-1)


def likeliest(text: str, number: int, temperature: float = 1.0) -> list[tuple[str, float]]:
    """The tokens that are likeliest to come next, with their probabilities, rounded to two decimals."""
    values, places = probabilities(text, temperature).topk(number)
    return [(written([int(place)]), round(float(value), 2)) for value, place in zip(values, places, strict=True)]


@torch.no_grad()
def words(text: str, labels: Sequence[str]) -> dict[str, float]:
    """The probability of each word, with a space before it, to come next. Words may have several tokens."""
    found = {}
    for label in labels:
        before, after = ids(text), ids(f" {label}")
        logprobs = torch.log_softmax(base().model(torch.tensor([before + after])).logits[0].double(), dim=-1)
        steps = (logprobs[len(before) - 1 + place, token] for place, token in enumerate(after))
        found[label] = float(torch.exp(torch.stack(list(steps)).sum()))
    return found


@torch.no_grad()
def continued(text: str, tokens: int) -> str:
    """What the model writes after a text when the likeliest token is always taken."""
    model, found = base(), list[int]()
    while len(found) < tokens:
        token = int(model.model(torch.tensor([ids(text) + found])).logits[0, -1].argmax())
        if token in model.ends:
            break
        found.append(token)
    return written(found)


def written(tokens: Sequence[int]) -> str:
    text: str = tokenizer().decode(list(tokens), skip_special_tokens=False)
    return text
