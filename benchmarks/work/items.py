"""Work of a given shape on real text: the built-in course's training rows, never its hidden ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.peers.job import Row, common
from benchmarks.work.shapes import Shape, TrainShape
from graders.base import Generate, Score, Train

MODEL = "smollm2-135m-instruct"
LIBRARY = Path(__file__).resolve().parents[2] / "challenges" / "library" / "fine-tuning-vs-prompting"
LABELS = {
    1: (" eyes", " skin", " nerves", " bladder", " allergies", " stomach", " heart", " ears"),
    2: (" Dermatologist", " Neurologist", " Ophthalmologist", " Cardiologist", " Psychologist", " Gastroenterologist"),
}
NEW_TOKENS = 40
INSTRUCTIONS = "Turn the e-mail into a ticket: a JSON object with priority, category and summary.\n"
HELD_OUT = 60
R, ALPHA, RATE, BATCH = 8, 16, 1e-3, 8


class Words(Protocol):
    """What of a base model is needed here: its name and its tokenizer."""

    @property
    def name(self) -> str: ...
    @property
    def eos(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, ids: Sequence[int]) -> str: ...


def score_item(words: Words, shape: Shape, *, warm: bool = False) -> Score:
    """P and S to within a token or two: text is cut at token borders and decoded again. `warm` takes other rows.

    Raises `ValueError` where there are not so many labels.
    """
    labels = LABELS[shape.label_tokens][: shape.labels]
    if not 2 <= shape.labels == len(labels):
        raise ValueError(f"{shape}: 2 to {len(LABELS[shape.label_tokens])} labels of {shape.label_tokens} tokens")
    source = (f"Symptoms: {row['input']}\n" for row in _rows("symptom-specialty", backwards=warm))
    prompt = _filled(words, shape.prompt, source)
    suffixes = tuple(f"\n{_filled(words, max(1, shape.suffix - 4), source)}\nProblem with:" for _ in range(shape.rows))
    return Score(words.name, prompt, suffixes, labels)


def generate_item(words: Words, shape: Shape, *, warm: bool = False) -> Generate:
    """Greedy tickets; every row ends at the end of text or after `NEW_TOKENS`."""
    source = _rows("email-to-ticket", backwards=warm)
    shots = (f"Email: {row['input']}\nTicket: {row['output']}\n\n" for row in source)
    prompt = _filled(words, shape.prompt, shots)
    mails = (f"{row['input']} " for row in source)
    body = max(1, shape.suffix - 8)
    suffixes = tuple(f"\n\nEmail: {_filled(words, body, mails)}\nTicket:" for _ in range(shape.rows))
    return Generate(words.name, prompt, suffixes, NEW_TOKENS)


def rows(words: Words, item: Score | Generate) -> list[Row]:
    """Token ids of whole prompts. A label begins where it and the prompt part, as tokenised together."""
    texts = [item.prompt + suffix for suffix in item.suffixes]
    contexts = words.encode(texts)
    labels = item.labels if isinstance(item, Score) else ()
    made = []
    for text, context in zip(texts, contexts, strict=True):
        wholes = words.encode([text + label for label in labels])
        start = common([context, *wholes])
        made.append(Row(context[:start], [whole[start:] for whole in wholes], text, list(labels)))
    return made


def train_item(words: Words, shape: TrainShape, seed: int) -> Train:
    """Tickets of exactly `shape.tokens` tokens (to within one or two), and held-out rows of the same length.

    Raises `ValueError` where there are too few rows or the length leaves no room for an e-mail.
    """
    source = list(_read("email-to-ticket"))
    if shape.rows + HELD_OUT > len(source):
        raise ValueError(f"{shape}: at most {len(source) - HELD_OUT} rows")
    made = [_pair(words, shape.tokens, source, n) for n in range(len(source))]
    return Train(
        words.name,
        rows=tuple(made[: shape.rows]),
        valid=tuple(made[-HELD_OUT:]),
        r=R,
        lora_alpha=ALPHA,
        learning_rate=RATE,
        num_train_epochs=shape.epochs,
        per_device_train_batch_size=BATCH,
        seed=seed,
        row_tokens_max=shape.tokens + 8,
    )


def _pair(words: Words, tokens: int, source: Sequence[dict[str, str]], n: int) -> tuple[str, str]:
    """Row n's ticket; its e-mail is cut, or goes on with the next ones, until the whole has `tokens` tokens."""
    completion = f" {source[n]['output']}"
    frame = len(words.encode([f"{INSTRUCTIONS}Email: \nTicket:{completion}"])[0]) + 1
    if frame >= tokens:
        raise ValueError(f"{tokens} tokens leave no room for an e-mail beside a ticket of {frame}")
    mails = (f"{source[(n + at) % len(source)]['input']} " for at in range(len(source)))
    return f"{INSTRUCTIONS}Email: {_filled(words, tokens - frame, mails)}\nTicket:", completion


def _filled(words: Words, tokens: int, source: Iterator[str]) -> str:
    """Text of so many tokens."""
    ids: list[int] = []
    while len(ids) < tokens:
        ids += words.encode([next(source)])[0]
    return words.decode(ids[:tokens])


def _read(challenge: str) -> Iterator[dict[str, str]]:
    for name in ("train", "public"):
        file = LIBRARY / challenge / f"{name}.jsonl"
        yield from _fields(file.read_text().splitlines())


def _fields(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    for data in map(json.loads, lines):
        target = data["output"] if "output" in data else data["target"]
        yield {"input": data["input"], "output": target if isinstance(target, str) else json.dumps(target)}


def _rows(challenge: str, *, backwards: bool) -> Iterator[dict[str, str]]:
    """Again and again."""
    found = list(_read(challenge))
    while True:
        yield from reversed(found) if backwards else found


ITEMS: dict[str, Callable[..., Score | Generate]] = {"label": score_item, "json": generate_item}
