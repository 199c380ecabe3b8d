"""The page of a learner's own receipt, and the page on which anybody can check one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gradus.accounts.models import User
from gradus.receipts import services, signing
from gradus.submissions.results import board_decisions as decisions
from tests import factories
from tests.markup import without_drawn

SITE = "http://testserver"
VALID = "This receipt is valid"


@pytest.fixture
def scored(course: object, ada: User) -> Any:
    submission = factories.submit(ada)
    factories.grade(submission, 0.7123)
    return submission


@pytest.fixture
def made(scored: Any) -> dict[str, Any]:
    receipt = services.receipt(scored, SITE)
    assert receipt is not None
    return receipt


def check(client: Client, text: str = "", **more: object) -> Any:
    return client.post("/receipts/", {"text": text, **more})


def signed(facts: dict[str, Any]) -> str:
    """A receipt that this site signs."""
    return json.dumps(signing.signed(facts, services._key()))


def test_the_own_page_shows_what_the_file_states(scored: Any, ada_client: Client, grace_client: Client) -> None:
    page = f"/submissions/{scored.uuid}/receipt/"
    assert page in ada_client.get(f"/submissions/{scored.uuid}/").content.decode()
    shown = ada_client.get(page).content.decode()
    facts = ada_client.get(f"/submissions/{scored.uuid}/receipt").json()["receipt"]
    assert {facts["payload_sha256"], facts["model_checkpoint"], facts["score"]} == {
        one for one in (facts["payload_sha256"], facts["model_checkpoint"], facts["score"]) if one in shown
    }
    assert "The signature fits" in shown and "7123" not in without_drawn(shown)
    assert grace_client.get(page).status_code == 404


def test_anybody_can_check_a_receipt_pasted_or_as_a_file(scored: Any, ada_client: Client, client: Client) -> None:
    given = ada_client.get(f"/submissions/{scored.uuid}/receipt").content
    file = SimpleUploadedFile("receipt.json", given)
    for answer in (check(client, given.decode()), check(client, file=file)):
        assert answer.status_code == 200
        shown = answer.content.decode()
        assert VALID in shown and scored.payload_sha256 in shown and scored.user.pseudonym in shown


def test_a_changed_receipt_and_one_of_another_site_are_not_valid(made: dict[str, Any], client: Client) -> None:
    theirs = signing.signed(made["receipt"], signing.private_key("the secret of another site"))
    changed = {**made, "receipt": {**made["receipt"], "score": "0.9"}}
    for receipt, said in (
        (changed, "The signature does not fit: the receipt was changed after it was signed."),
        (theirs, "None of the site"),
    ):
        answer = check(client, json.dumps(receipt))
        assert answer.status_code == 422 and VALID not in answer.content.decode()
        assert answer.context["form"].errors["text"][0].startswith(said)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"text": ""}, "text", "Paste a receipt"),
        ({"text": "no JSON"}, "text", "not JSON"),
        ({"text": "[" * 19_000}, "text", "not JSON"),
        ({"text": "{}"}, "text", "not a receipt"),
        ({"text": "x" * 20_001}, "text", "at most 20000 characters"),
        ({"file": SimpleUploadedFile("x", b"\xff")}, "file", "not JSON"),
        ({"file": SimpleUploadedFile("x", b"[" * 20_001)}, "file", "too large"),
        ({"file": SimpleUploadedFile("x", b"")}, "file", "empty"),
    ],
)
def test_what_is_no_receipt_is_named_beside_its_field(
    course: object, client: Client, given: dict[str, Any], field: str, said: str
) -> None:
    answer = check(client, **given)
    assert answer.status_code == 422 and said in answer.context["form"].errors[field][0]
    assert answer.content.decode().count("autofocus") == 1


@pytest.mark.parametrize("changed", [{"provisional": True, "passed": None}, {"passed": True, "provisional": None}])
def test_a_provisional_grade_is_called_that(made: dict[str, Any], client: Client, changed: dict[str, Any]) -> None:
    """A receipt of version 0.2.0 has no `provisional`, and may say that a provisional grade has passed."""
    facts = {**made["receipt"], "verified_by": None, **changed}
    old = {name: value for name, value in facts.items() if name != "provisional" or value}
    answer = check(client, signed(old))
    shown = answer.content.decode()
    assert answer.status_code == 200 and "The grade is provisional:" in shown
    assert "not settled yet" in shown and answer.context["statement"].verdict == "provisional"
    assert dict(answer.context["statement"].lines)["Passed"] == "not settled yet"


@pytest.mark.parametrize(("passed", "gold"), [(True, True), (True, False), (False, False)])
def test_a_verdict_is_said_in_words(made: dict[str, Any], client: Client, passed: bool, gold: bool) -> None:
    shown = check(client, signed({**made["receipt"], "passed": passed, "gold": gold})).content.decode()
    assert ("with gold</strong>" in shown, "which did not pass" in shown) == (gold, not passed)


def test_what_a_later_version_states_more_is_shown(made: dict[str, Any], client: Client) -> None:
    answer = check(client, signed({**made["receipt"], "something_new": "<b>shown</b>"}))
    assert answer.context["statement"].lines[-1] == ("something_new", "<b>shown</b>")
    assert "&lt;b&gt;shown&lt;/b&gt;" in answer.content.decode()


def test_an_annulled_attempt_is_called_that(scored: Any, ada_client: Client, client: Client) -> None:
    before = ada_client.get(f"/submissions/{scored.uuid}/receipt").content.decode()
    staff = factories.UserFactory.create(is_staff=True)
    made = decisions.annul(scored, by=staff, reason="The rows of another learner")
    facts = ada_client.get(f"/submissions/{scored.uuid}/receipt").json()["receipt"]
    assert facts["annulled"] is True and facts["passed"] is False and facts["score"] == "0.7"
    assert "The attempt was" in ada_client.get(f"/submissions/{scored.uuid}/receipt/").content.decode()
    # What was downloaded before is valid; the page knows more than it. The reason is the learner's own.
    shown = check(client, before).content.decode()
    assert VALID in shown and "Since then the attempt was annulled" in shown and "another learner" not in shown
    decisions.end_annulment(made, by=staff)
    assert "annulled" not in check(client, before).content.decode()
    assert "annulled" not in ada_client.get(f"/submissions/{scored.uuid}/receipt").content.decode()
