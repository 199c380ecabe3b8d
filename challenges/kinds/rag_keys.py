"""The keys of `challenge.yaml` that a challenge with documents has: the documents, and what may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from challenges.documents import Corpus, updated
from challenges.rows import Sample
from challenges.spec import Challenge, KeyFault, Keys, Spec
from challenges.translation import gettext_noop

Method = Literal["words", "vectors", "both"]
METHODS: dict[str, str] = {
    "words": gettext_noop("Words (BM25)"),
    "vectors": gettext_noop("Vectors"),
    "both": gettext_noop("Words and vectors"),
}
NOT_IN_CORPUS = "the corpus does not say"
"""The answer where nothing that was found is near enough, and the target of a row whose answer stands nowhere."""


class Retrieval(Spec):
    """What a learner may choose: closed intervals, and a list of methods."""

    chunk_words: tuple[Annotated[int, Field(ge=5, le=1000)], Annotated[int, Field(ge=5, le=1000)]] = (20, 400)
    overlap: tuple[Annotated[float, Field(ge=0, le=0.9)], Annotated[float, Field(ge=0, le=0.9)]] = (0.0, 0.5)
    method: tuple[Method, ...] = Field(("words", "vectors", "both"), min_length=1)
    top_k: tuple[Annotated[int, Field(ge=1, le=20)], Annotated[int, Field(ge=1, le=20)]] = (1, 8)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("chunk_words", "overlap", "top_k"):
            low, high = getattr(self, name)
            if low > high:
                raise KeyFault(f"{name} is no interval", "write the lowest value first: `[1, 8]`", name)
        return self


class RagKeys(Keys):
    """`corpus` and `updates` name a folder or a file in `challenge.yaml`; here they hold its documents.

    `passage_tokens_max` bounds all passages of one prompt together.
    """

    corpus: Corpus = Field(description="The documents: a folder of .md and .txt files, or a file such as corpus.jsonl")
    updates: Corpus = Field((), description="Documents that replace or join them half-way through the hidden rows")
    retrieval: Retrieval = Field(Retrieval(), description="What learners may choose")
    passage_tokens_max: int = Field(400, ge=8, le=3072, description="The most tokens of all passages of one prompt")


def rag(challenge: Challenge) -> RagKeys:
    """The documents and limits of a challenge. Raises ValueError where the challenge has none."""
    keys = challenge.keys_of("rag")
    if not isinstance(keys, RagKeys):
        raise ValueError(f"{challenge.id} has no documents")
    return keys


def corpora(challenge: Challenge) -> tuple[Corpus, ...]:
    """The documents before and after their update; once where they are not updated."""
    keys = rag(challenge)
    return (keys.corpus, updated(keys.corpus, keys.updates)) if keys.updates else (keys.corpus,)


def halves(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The rows before and after an update, in the order of the file; of an odd number the middle one comes before."""
    middle = (len(samples) + 1) // 2
    return samples[:middle], samples[middle:]
