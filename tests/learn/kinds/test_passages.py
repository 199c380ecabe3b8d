"""The form of a retrieval offers only lengths and numbers of passages that fit, and shows the largest ones."""

from typing import Any

import pytest

from challenges.check import check
from challenges.kinds.rag_keys import rag
from challenges.models import tokens
from challenges.payloads import parse
from gradus.learn.kinds.rag.page import PAGE
from tests.challenges.kinds.rag_bundle import rag_bundle

CHALLENGE = rag_bundle().challenge


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture(autouse=True)
def a_token_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "counter", lambda model: words)


def tight(tokens_max: int) -> Any:
    return CHALLENGE.with_keys("rag", rag(CHALLENGE).model_copy(update={"passage_tokens_max": tokens_max}))


@pytest.mark.parametrize("tokens_max", [21, 30])
def test_what_the_form_offers_and_where_it_starts_fits(tokens_max: int) -> None:
    """Passages of up to 100 words, and up to 8 of them, were offered where 21 words fit."""
    spec = tight(tokens_max)
    draft = PAGE.form("rag", spec, None)
    context = PAGE.context(spec, draft)
    fields = {field.name: field for field in context["form"]["search"]}
    most, count = int(fields["chunk_words"].high), int(fields["top_k"].high)
    assert most < 100 and count < 8
    pairs = [{"chunk_words": most, "top_k": 1}, {"chunk_words": 10, "top_k": count}, {}]
    for changes in pairs:
        assert check(spec, parse({**PAGE.payload(spec, draft), **changes}), words) == []
    assert context["passages"].startswith(f"1 passage of {most} words, 2 passages of ")


def test_where_all_fits_the_form_offers_what_the_challenge_allows() -> None:
    context = PAGE.context(tight(3000), PAGE.form("rag", tight(3000), None))
    fields = {field.name: field for field in context["form"]["search"]}
    assert (fields["chunk_words"].high, fields["top_k"].high) == ("100", "8")
    assert context["passages"] == "8 passages of 100 words"


def test_without_the_tokenizer_nothing_is_said_and_nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tight(43)
    with monkeypatch.context() as missing:
        missing.setattr(tokens, "counter", lambda model: None)
        assert PAGE.context(spec, PAGE.form("rag", spec, None))["passages"] == ""
    assert "1 passage of " in PAGE.context(spec, PAGE.form("rag", spec, None))["passages"]
