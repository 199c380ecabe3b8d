"""How long passages may be, so that as many of them as a learner chooses fit into one prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from itertools import accumulate

from challenges.documents import Corpus, advance
from challenges.kinds.rag_keys import corpora, rag
from challenges.kinds.rag_prompts import JOIN
from challenges.models.token_counts import CountTokens
from challenges.spec import Challenge


def largest_passages(challenge: Challenge, overlap: float, count_tokens: CountTokens) -> dict[int, int]:
    """The number of words up to which so many passages always fit, by the number of passages.

    A number of passages of which not even the shortest fit is left out. Words are counted one by one, which is never
    too few tokens where the tokenizer begins anew at white space.
    """
    keys = rag(challenge)
    (shortest, longest), (fewest, most) = keys.retrieval.chunk_words, keys.retrieval.top_k
    sums = [_sums(corpus, count_tokens) for corpus in corpora(challenge)]
    fitting: dict[int, int] = {}
    open_counts = list(range(fewest, most + 1))
    for words in range(shortest, longest + 1):
        step = advance(words, overlap)
        if step < 1:
            continue
        used = [_used(documents, words, step, open_counts[-1], count_tokens(JOIN)) for documents in sums]
        open_counts = [n for n in open_counts if max(_of(totals, n) for totals in used) <= keys.passage_tokens_max]
        if not open_counts:
            break
        fitting |= dict.fromkeys(open_counts, words)
    return fitting


def largest_only(fitting: Mapping[int, int]) -> list[tuple[int, int]]:
    """Pairs of a number of passages and their words, without those of which more passages of as many words fit."""
    return [(count, words) for count, words in fitting.items() if fitting.get(count + 1) != words]


def _sums(corpus: Corpus, count_tokens: CountTokens) -> list[list[int]]:
    """For each document, how many tokens its first words have together."""
    texts = [document.text.split() for document in corpus]
    known = {word: max(count_tokens(word), count_tokens(f" {word}")) for words in texts for word in set(words)}
    return [[0, *accumulate(known[word] for word in words)] for words in texts]


def _used(documents: Sequence[Sequence[int]], words: int, step: int, most: int, join: int) -> list[int]:
    """The tokens of the longest passage, of the two longest together, and so on, up to `most` passages."""
    longest = nlargest(
        most,
        (
            sums[min(start + words, len(sums) - 1)] - sums[start] + join
            for sums in documents
            for start in range(0, max(1, len(sums) - 1 - (words - step)), step)
        ),
    )
    return list(accumulate(longest))


def _of(totals: Sequence[int], count: int) -> int:
    return totals[min(count, len(totals)) - 1] if totals else 0
