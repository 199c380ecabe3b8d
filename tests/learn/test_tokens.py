"""How many tokens a form uses, as the workbench shows beside the buttons while somebody types."""

import pytest

from challenges.models import tokens
from gradus.submissions.models import Run, Submission
from tests.learn.kinds.test_starter import FORM

PROMPT = {"kind": "prompt", "instructions": "one two three", "example_input": ["the sea"], "example_output": ["sea"]}


@pytest.fixture(autouse=True)
def a_token_a_word(monkeypatch):
    """The tokenizer's file may not be here."""
    monkeypatch.setattr(tokens, "counter", lambda model: lambda text: len(text.split()))


def asked(client, slug: str, form) -> str:
    response = client.post(f"/challenges/{slug}/tokens", form)
    assert response.status_code == 200
    return response.content.decode()


def test_a_prompt_is_counted_with_its_examples(ada_client, sea_or_sky):
    alone = asked(ada_client, sea_or_sky.slug, {**PROMPT, "example_input": [], "example_output": []})
    both = asked(ada_client, sea_or_sky.slug, PROMPT)
    allowed = f"of {sea_or_sky.spec.limits.prompt_tokens_max:,} tokens"
    assert "Instructions, examples and an own template: <strong>3</strong>" in alone and allowed in alone
    assert "<strong>3</strong>" not in both and allowed in both and "is-over" not in both
    assert not Run.objects.exists() and not Submission.objects.exists()


def test_too_many_tokens_are_said_before_anything_is_sent(ada_client, sea_or_sky, monkeypatch):
    many = sea_or_sky.spec.limits.prompt_tokens_max + 1
    monkeypatch.setattr(tokens, "counter", lambda model: lambda text: many)
    assert "Shorten it to run" in asked(ada_client, sea_or_sky.slug, PROMPT)
    refused = ada_client.post(f"/challenges/{sea_or_sky.slug}/submit", PROMPT)
    assert refused.status_code == 422 and f"have {many:,} tokens" in refused.content.decode()


def test_training_tokens_are_rows_times_epochs(ada_client, ticket):
    rows = '{"input": "My anchor is lost", "output": "{\\"priority\\": \\"low\\", \\"summary\\": \\"lost anchor\\"}"}\n'
    once = asked(ada_client, "ticket", {**FORM, "rows": rows, "num_train_epochs": "1"})
    twice = asked(ada_client, "ticket", {**FORM, "rows": rows, "num_train_epochs": "2"})
    count = int(once.split("<strong>")[1].split("<")[0].replace(",", ""))
    assert count > 0 and f"Training: <strong>{2 * count:,}</strong>" in twice


@pytest.mark.parametrize("form", [{"kind": "tune", "rows": "{not json"}, {**FORM, "num_train_epochs": "many"}, {}])
def test_a_form_that_cannot_be_read_yet_has_no_count(ada_client, ticket, form):
    assert asked(ada_client, "ticket", form).strip() == ""
