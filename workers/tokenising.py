"""Texts as token ids: prompts that begin alike, and labels behind them. It needs no torch, so workers use it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from graders.base import Rejected, Score

SIZES = ("max_position_embeddings", "max_seq_len", "seq_length", "n_positions")
"""What configurations call a model's context."""
UNBOUNDED = 2048
"""Tokens of context of a model that states none, as those that know positions by distance alone."""
OVERLAP = 24
"""Tokens of a shared beginning, at least, that are tokenised again with each text: it may change the last of them."""


@dataclass(frozen=True)
class Reader:
    """How a base model reads texts. `context` is in tokens; training rows end with `eos`."""

    tokenizer: Tokenizer
    eos: int
    context: int

    @classmethod
    def of(cls, folder: Path) -> Reader:
        """Reads a model's folder without its weights. Raises `OSError` or `ValueError` where something is missing."""
        config = configuration(folder)
        ends = listed(config.get("eos_token_id"))
        context = next((size for name in SIZES if (size := config.get(name))), UNBOUNDED)
        if not ends or not (folder / "tokenizer.json").is_file():
            raise FileNotFoundError(folder.name)
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), ends[0], context)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text. Special tokens in a text are read as such; none is added."""
        return encode(self.tokenizer, texts)

    def encode_after(self, beginning: str, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each `beginning + text`, as `encode` gives them, sooner."""
        return encode_after(self.tokenizer, beginning, texts)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text


def configuration(folder: Path) -> dict[str, Any]:
    """What a model's folder says of the model that reads texts. Raises `OSError` or `ValueError`."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config.get("text_config") or config


def listed(value: int | list[int] | None) -> list[int]:
    """The ids that a configuration gives as one number, as several, or not at all."""
    return value if isinstance(value, list) else [] if value is None else [value]


@dataclass(frozen=True)
class Trie:
    """A prefix tree of the labels' tokens, whose root is the last token of the context.

    `tokens` and `parents` describe the inner nodes, where parent -1 is the root. `reads[l]` holds `(node, token)` pairs
    of label l: its log-likelihood is the sum of the log-probabilities of `token` after `node`.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    reads: tuple[tuple[tuple[int, int], ...], ...]

    def depth(self, node: int) -> int:
        """The number of steps from the root to the node; 0 for the root itself."""
        return 0 if node < 0 else 1 + self.depth(self.parents[node])

    def lineage(self, node: int) -> list[int]:
        """The node and its ancestors below the root."""
        return [] if node < 0 else [node, *self.lineage(self.parents[node])]

    def of(self, labels: Sequence[int]) -> Trie:
        """The trie of some of the labels, given by number."""
        return trie_of([[token for _, token in self.reads[label]] for label in labels])


def common_tokens(sequences: Sequence[list[int]]) -> int:
    """Length of the longest common prefix."""
    low, high = min(sequences), max(sequences)
    differing = (at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other)
    return next(differing, min(len(low), len(high)))


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text. Special tokens in a text are read as such; none is added."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def encode_after(tokenizer: Tokenizer, beginning: str, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each `beginning + text`, the same as `encode` gives.

    Tokenisers cut a text into words from left to right by rules that look a little ahead, so that what stands before
    the start of an earlier word is not changed by a later one. The beginning's last words have to give the same tokens
    by themselves as behind the others; where they do not, or a tokeniser has no words, texts are read whole.
    """
    first = tokenizer.encode(beginning, add_special_tokens=False)
    at = _word_start(first)
    tail = beginning[first.offsets[at][0] :] if at else ""
    # Blanks to the end are one word with whatever blanks follow, and some rules look beyond all of them.
    if not tail.strip() or encode(tokenizer, [tail]) != [first.ids[at:]]:
        return encode(tokenizer, [beginning + text for text in texts])
    return [first.ids[:at] + ids for ids in encode(tokenizer, [tail + text for text in texts])]


def _word_start(encoding: Any) -> int:
    """The last token that begins a word and has `OVERLAP` tokens from there on; 0 where there is none."""
    words = encoding.word_ids
    candidates = range(len(words) - OVERLAP, 0, -1)
    return next((at for at in candidates if words[at] is not None and words[at] != words[at - 1]), 0)


def tokenise(reader: Reader, item: Score) -> tuple[list[list[int]], list[Trie], list[int]]:
    """The contexts as token ids, the label tries, and the prompts' lengths in tokens, each by row.

    Prompt and label are tokenised together, as a model would read them. Where a token spans both, all labels of the row
    begin before it, at the same place.
    """
    prompts = reader.encode_after(item.prompt, item.suffixes)
    whole = reader.encode_after(item.prompt, [suffix + label for suffix in item.suffixes for label in item.labels])
    alone = reader.encode(item.labels)
    contexts, tries = [], []
    for n, prompt in enumerate(prompts):
        joined = whole[n * len(item.labels) : (n + 1) * len(item.labels)]
        context, labels = _seam(prompt or [reader.eos], joined, alone)
        _check_length(reader, context, labels)
        contexts.append(context)
        tries.append(trie_of(labels))
    return contexts, tries, [len(prompt) for prompt in prompts]


def _seam(prompt: list[int], joined: list[list[int]], alone: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """The context and the labels' tokens behind it. Without a common token, labels are those tokenised `alone`."""
    start = common_tokens([prompt, *joined])
    if start == 0:
        return prompt, alone
    return prompt[:start], [tokens[start:] for tokens in joined]


def _check_length(reader: Reader, context: list[int], labels: list[list[int]]) -> None:
    length = len(context) + max(len(label) for label in labels)
    if length > reader.context:
        raise Rejected("prompt_too_long", f"{length} tokens; the model reads at most {reader.context}")


def trie_of(labels: Sequence[Sequence[int]]) -> Trie:
    """The trie of labels, given as token ids."""
    inner: dict[tuple[int, ...], int] = {(): -1}
    tokens: list[int] = []
    parents: list[int] = []
    for label in labels:
        for end in range(1, len(label)):
            path = tuple(label[:end])
            if path not in inner:
                inner[path] = len(tokens)
                tokens.append(path[-1])
                parents.append(inner[path[:-1]])
    reads = tuple(tuple((inner[tuple(label[:i])], label[i]) for i in range(len(label))) for label in labels)
    return Trie(tuple(tokens), tuple(parents), reads)
