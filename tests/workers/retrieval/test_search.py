"""What is found is what the plainest computation finds: BM25 in ten lines, and the cosine with every passage."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from challenges.documents import passages
from challenges.kinds.rag_keys import METHODS, rag
from challenges.reading import read_challenge
from graders.base import Retrieve
from workers.engine import embeddings
from workers.engine.watch import Stopped, Watch
from workers.retrieval import search
from workers.retrieval.search import fused
from workers.retrieval.words import WordIndex, words_of

BUNDLE = read_challenge(Path(__file__).resolve().parents[3] / "docs/examples/ask-the-library")
TEXTS = tuple(cut.text for cut in passages(rag(BUNDLE.challenge).corpus, 20, 0.25))
QUERIES = tuple(sample.input for sample in (*BUNDLE.public, *BUNDLE.hidden))
LIMIT = 10


def run(method: str, queries: tuple[str, ...] = QUERIES, texts: tuple[str, ...] = TEXTS, limit: int = LIMIT):
    return search.retrieve(Retrieve(texts, queries, method, limit, "public"), Watch()).found


def bm25(texts: tuple[str, ...], query: str) -> list[float]:
    """As Robertson and Zaragoza (2009) have it, over the sum of the inverse document frequencies."""
    words = words_of(texts)
    holding = Counter(word for found in words for word in set(found))
    mean = sum(map(len, words)) / len(words)
    wanted = set(words_of([query])[0])
    idf = {word: math.log(1 + (len(texts) - holding[word] + 0.5) / (holding[word] + 0.5)) for word in wanted}

    def score(found: list[str]) -> float:
        length = 1.5 * (1 - 0.75 + 0.75 * len(found) / mean)
        return sum(idf[word] * 2.5 * found.count(word) / (found.count(word) + length) for word in wanted)

    return [score(found) / sum(idf.values()) for found in words]


def cosines(texts: tuple[str, ...], query: str) -> np.ndarray:
    vectors = np.array(embeddings.embed(texts, Watch()))
    return vectors @ np.array(embeddings.embed([query], Watch())[0])


def test_words_are_ranked_as_by_plain_bm25() -> None:
    for query, found in zip(QUERIES, run("words"), strict=True):
        wanted = bm25(TEXTS, query)
        best = sorted((n for n in range(len(TEXTS)) if wanted[n] > 0), key=lambda n: (-round(wanted[n], 5), n))
        assert [number for number, _ in found] == best[:LIMIT]
        assert [score for _, score in found] == pytest.approx([min(1, wanted[n]) for n in best[:LIMIT]], abs=1e-4)


def test_vectors_are_ranked_as_by_the_cosine_with_each_passage() -> None:
    for query, found in zip(QUERIES, run("vectors"), strict=True):
        wanted = cosines(TEXTS, query)
        best = [int(number) for number in np.argsort(-wanted)[:LIMIT] if wanted[number] > 0]
        assert [number for number, _ in found] == best
        assert [score for _, score in found] == pytest.approx(wanted[best], abs=1e-3)


def test_both_are_fused_by_the_sum_of_reciprocal_ranks() -> None:
    query = QUERIES[0]
    words = [number for number, _ in run("words", (query,), limit=len(TEXTS))[0]]
    vectors = [number for number, _ in run("vectors", (query,), limit=len(TEXTS))[0]]
    sums = {
        number: sum(1 / (60 + ranking.index(number) + 1) for ranking in (words, vectors) if number in ranking)
        for number in {*words, *vectors}
    }
    found = run("both", (query,))[0]
    assert [number for number, _ in found] == sorted(sums, key=lambda n: (-sums[n], n))[:LIMIT]
    assert fused([[3, 1], [1, 2]]) == [1, 3, 2] and fused([[5, 4], [4, 5]]) == [4, 5]
    mean = [(min(1, bm25(TEXTS, query)[n]) + max(0, cosines(TEXTS, query)[n])) / 2 for n, _ in found]
    assert [score for _, score in found] == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_is_found_alike_alone_and_among_others(method: str) -> None:
    assert [run(method, (query,))[0] for query in QUERIES] == run(method)


@pytest.mark.parametrize("query", ["", "the of and", "xyzzy", "\u202e", "?" * 5000])
def test_a_query_or_passages_without_a_known_word_find_nothing_by_words(query: str) -> None:
    assert run("words", (query,)) == [[]]
    assert WordIndex(["...", "the"]).scores(f"the ... {query}").tolist() == [0.0, 0.0]
    assert run("both", (query or "anything",), ("...", "!!!"))


def test_an_index_is_built_once_for_one_content_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    search._kept.clear()
    built: list[tuple[str, ...]] = []
    real = search._built
    monkeypatch.setattr(search, "_built", lambda item, watch: built.append(item.passages) or real(item, watch))
    for _ in range(2):
        run("words", (), ("a lamp", "a chair"))
        run("words", ("lamp",), ("a lamp", "a chair"))
    assert built == [("a lamp", "a chair")]
    for number in range(search.KEPT + 3):
        run("words", (), (f"lamp {number}",))
    assert len(search._kept) == search.KEPT
    run("words", ("lamp",), ("a lamp", "a chair"))
    assert built.count(("a lamp", "a chair")) == 2


def test_only_the_building_is_reported_and_never_a_query_and_a_stopped_job_ends() -> None:
    search._kept.clear()
    embeddings._vectors.clear()
    events: list[dict[str, object]] = []
    watch = Watch(on_event=events.append)
    search.retrieve(Retrieve(TEXTS, (), "both", 1, "index"), watch)
    assert events and all(event["stage"] == "index" for event in events)
    events.clear()
    search.retrieve(Retrieve(TEXTS, QUERIES, "both", 1, "hidden"), watch)
    assert events == []
    with pytest.raises(Stopped):
        search.retrieve(Retrieve(TEXTS, QUERIES, "words", 1, "public"), Watch(should_stop=lambda: True))
