"""The starter rows in the form: they ask before they overwrite, can be taken back, and fit with what is chosen."""

import html

import pytest

from challenges.check import check
from challenges.kinds.tune_keys import TuneKeys, tune
from challenges.payloads import parse
from gradus.learn import forms
from gradus.learn.kinds.jsonl import json_lines
from gradus.learn.kinds.tune import draft as starter
from gradus.submissions.models import Submission
from tests.markup import Markup

USE = "/challenges/ticket/starter"
KNOBS = {"r": "8", "lora_alpha": "16", "learning_rate": "0.001", "per_device_train_batch_size": "8"}
FORM = {"kind": "tune", "key": "k", "instructions": "Be brief.", "rows": "", "num_train_epochs": "3", **KNOBS}
OWN = '{"input": "mine", "output": "{}"}\n'


@pytest.fixture(autouse=True)
def a_token_a_word(monkeypatch):
    """The tokenizer's file may not be here."""
    monkeypatch.setattr(starter, "counter", lambda challenge: lambda text: len(text.split()))


def with_tokens(spec, tokens_max):
    """The challenge with another budget of training tokens."""
    return spec.with_keys("tune", TuneKeys(tune=tune(spec).model_copy(update={"tokens_max": tokens_max})))


def rows_in(text: str) -> str:
    """What the field for rows holds; `text` is the page as it came, because white space counts in it."""
    return html.unescape(text.split('<textarea id="rows"')[1].split(">", 1)[1].split("</textarea>")[0])


def test_rows_go_into_an_empty_form_which_keeps_the_rest(ada_client, ticket):
    response = ada_client.post(USE, FORM)
    page = response.content.decode()
    text = Markup(page)
    assert response.status_code == 200 and rows_in(page) == json_lines(ticket.version.train)
    assert "Be brief." in text and f"The author's {len(ticket.version.train)} rows are in" in text
    assert "Undo" not in text and "Replace what you have" not in text and not Submission.objects.exists()


def test_typed_rows_are_not_overwritten_before_the_learner_said_so(ada_client, ticket):
    asked = ada_client.post(USE, {**FORM, "rows": OWN + OWN}).content.decode()
    assert "Your 2 lines would go" in Markup(asked) and rows_in(asked) == OWN + OWN
    kept = ada_client.post(USE, {**FORM, "rows": OWN, "keep": "1"}).content.decode()
    assert rows_in(kept) == OWN and "Replace what you have" not in Markup(kept)


def test_rows_that_were_replaced_come_back(ada_client, ticket):
    replaced = ada_client.post(USE, {**FORM, "rows": OWN, "num_train_epochs": "5", "replace": "1"}).content.decode()
    assert rows_in(replaced) == json_lines(ticket.version.train) and "Undo: put my rows back" in Markup(replaced)
    before = {"rows_before": OWN, "epochs_before": "5", "undo": "1"}
    back = ada_client.post(USE, {**FORM, "rows": rows_in(replaced), **before}).content.decode()
    assert rows_in(back) == OWN and "Undo" not in Markup(back)
    assert "<option selected>5</option>" in back.split('name="num_train_epochs"')[1].split("</select>")[0]


def test_the_starter_rows_themselves_are_replaced_without_asking(ada_client, ticket):
    text = Markup(ada_client.post(USE, {**FORM, "rows": json_lines(ticket.version.train)}).content.decode())
    assert "Replace what you have" not in text and "rows are in" in text


def test_epochs_are_lowered_to_the_most_that_fits(ada_client, ticket, monkeypatch):
    spec = ticket.spec
    draft = forms.started(spec, "tune")
    _, whole = starter.put_in(spec, ticket.version.train, draft)
    per_epoch = whole.tokens // whole.epochs
    limited = with_tokens(spec, per_epoch * 2 + 1)
    monkeypatch.setattr(type(ticket.version), "parsed", property(lambda self: limited))
    changed, cost = starter.put_in(limited, ticket.version.train, draft)
    assert (cost.epochs, cost.asked, cost.most, cost.fits, cost.lowered) == (2, 3, 2, True, True)
    assert cost.tokens == per_epoch * 2 and changed.hyperparameters["num_train_epochs"] == "2"
    form = {**FORM, "instructions": draft.instructions}
    text = Markup(ada_client.post(USE, form).content.decode())
    assert f"Training for 2 epochs uses {cost.tokens:,} of {cost.tokens_max:,} training tokens" in text
    assert "The number of epochs was lowered from 3 to 2, which is the most that fits" in text
    sent = forms.payload_of(limited, changed)
    assert check(limited, parse(sent), lambda text: len(text.split())) == []
    chosen = Markup(ada_client.post(USE, {**form, "num_train_epochs": "1"}).content.decode())
    assert "Training for 1 epoch uses" in chosen and "was lowered from" not in chosen


def test_rows_that_fit_not_even_once_are_said_to_be_too_many(ada_client, ticket, monkeypatch):
    spec = ticket.spec
    limited = with_tokens(spec, 3)
    monkeypatch.setattr(type(ticket.version), "parsed", property(lambda self: limited))
    assert "more than this challenge allows: remove some rows" in Markup(ada_client.post(USE, FORM).content.decode())


def test_bad_numbers_in_the_form_do_not_matter_yet(ada_client, ticket):
    text = Markup(ada_client.post(USE, {**FORM, "learning_rate": "fast"}).content.decode())
    assert "rows are in" in text and 'value="fast"' in text


@pytest.mark.parametrize("field", ["instructions", "rows_before", "epochs_before", "learning_rate", "num_train_epochs"])
@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "x" * 100_000, "\x00\u202e", "20"])
def test_hostile_fields_are_shown_as_text(ada_client, ticket, field, text):
    for press in ({}, {"undo": "1"}, {"replace": "1"}, {"keep": "1"}):
        response = ada_client.post(USE, {**FORM, field: text, **press})
        assert response.status_code == 200 and "<script>alert" not in Markup(response.content.decode())


def test_the_link_opens_a_form_with_rows_that_fit(client, ticket):
    text = Markup(client.get("/challenges/ticket/", {"track": "tune", "rows": "starter"}).content.decode())
    assert "rows are in.</strong>" in text and rows_in(text)


@pytest.mark.parametrize("slug", ["explain", "nothing"])
def test_a_challenge_without_starter_rows_has_no_such_page(ada_client, course, slug):
    assert ada_client.post(f"/challenges/{slug}/starter", FORM).status_code == 404
