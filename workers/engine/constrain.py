"""Greedy decoding that can only write what fits a JSON schema, by llguidance's token masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from llguidance import LLMatcher, LLTokenizer
from tokenizers import Tokenizer
from torch import Tensor

from workers.engine.models import Base


class Constraint:
    """The state of one schema in each row of a batch."""

    @classmethod
    def of(cls, base: Base, schema: str, rows: int) -> Constraint:
        return cls(base.tokenizer, base.eos, base.model.get_output_embeddings().out_features, schema, rows)

    def __init__(self, tokenizer: Tokenizer, eos: int, vocabulary: int, schema: str, rows: int) -> None:
        """Raises `ValueError` where the schema is none that can be followed."""
        self.tokenizer = _guide(tokenizer.to_str(), eos, vocabulary)
        grammar = LLMatcher.grammar_from_json_schema(schema, defaults={"whitespace_flexible": False})
        if problem := LLMatcher.validate_grammar(grammar, self.tokenizer):
            raise ValueError(problem)
        self.rows = [LLMatcher(self.tokenizer, grammar) for _ in range(rows)]

    def allowed(self, row: int, draft: list[int]) -> list[int]:
        """What the schema leaves no choice about; where there is a choice, what of a guess fits it."""
        matcher = self.rows[row]
        forced: list[int] = matcher.compute_ff_tokens()
        return forced or draft[: matcher.validate_tokens(draft)]

    def restrict(self, logits: Tensor, drafts: Sequence[Sequence[int]]) -> Tensor:
        """`[N, V]` logits, minus infinity where a token would leave the schema. Changes them in place.

        They are those after each row's tokens, then after each of its draft's, which has to be allowed.
        """
        biases = []
        for matcher, draft in zip(self.rows, drafts, strict=True):
            biases.append(matcher.compute_logit_bias())
            for token in draft:
                matcher.consume_token(token)
                biases.append(matcher.compute_logit_bias())
            matcher.rollback(len(draft))
        barred = torch.frombuffer(bytearray(b"".join(biases)), dtype=torch.uint8).view(len(logits), -1) == 0
        return logits.masked_fill_(barred.to(logits.device), -torch.inf)

    def take(self, row: int, tokens: Sequence[int]) -> None:
        """Tells a row the tokens that it has taken."""
        for token in tokens:
            self.rows[row].consume_token(token)

    def keep(self, rows: list[int]) -> None:
        """Leaves only these rows."""
        self.rows = [self.rows[row] for row in rows]


@lru_cache(maxsize=2)
def _guide(tokenizer: str, eos: int, vocabulary: int) -> LLTokenizer:
    return LLTokenizer(tokenizer, eos_token=eos, n_vocab=vocabulary)
