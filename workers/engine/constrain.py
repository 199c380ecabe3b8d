"""Greedy decoding that can only write what fits a JSON schema, by llguidance's token masks."""

from __future__ import annotations

from functools import lru_cache

import torch
from llguidance import LLMatcher, LLTokenizer
from tokenizers import Tokenizer
from torch import Tensor


class Constraint:
    """The state of one schema in each row of a batch."""

    def __init__(self, tokenizer: Tokenizer, eos: int, vocabulary: int, schema: str, rows: int) -> None:
        """Raises `ValueError` where the schema is none that can be followed."""
        self.tokenizer = _guide(tokenizer.to_str(), eos, vocabulary)
        grammar = LLMatcher.grammar_from_json_schema(schema, defaults={"whitespace_flexible": False})
        if problem := LLMatcher.validate_grammar(grammar, self.tokenizer):
            raise ValueError(problem)
        self.rows = [LLMatcher(self.tokenizer, grammar) for _ in range(rows)]

    def restrict(self, logits: Tensor) -> Tensor:
        """`[B, V]` logits, minus infinity where a token would leave the schema. Changes them in place."""
        allowed = b"".join(matcher.compute_logit_bias() for matcher in self.rows)
        barred = torch.frombuffer(bytearray(allowed), dtype=torch.uint8).view(len(self.rows), -1) == 0
        return logits.masked_fill_(barred.to(logits.device), -torch.inf)

    def take(self, tokens: list[int]) -> None:
        """Tells each row the token that it has taken."""
        for matcher, token in zip(self.rows, tokens, strict=True):
            matcher.consume_token(token)

    def keep(self, rows: list[int]) -> None:
        """Leaves only these rows."""
        self.rows = [self.rows[row] for row in rows]


@lru_cache(maxsize=2)
def _guide(tokenizer: str, eos: int, vocabulary: int) -> LLTokenizer:
    return LLTokenizer(tokenizer, eos_token=eos, n_vocab=vocabulary)
