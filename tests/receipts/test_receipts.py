"""Receipts: signed statements of a score that anybody can check, and that hold nothing hidden but the shown score."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from typer.testing import CliRunner

from gradus.accounts.models import User
from gradus.cli.main import app
from gradus.receipts import services, signing
from gradus.receipts.models import ReceiptKey
from gradus.submissions.models import Evaluation
from tests import factories
from tests.markup import without_drawn

SITE = "http://testserver"


@pytest.fixture
def scored(course: object, ada: User) -> Any:
    submission = factories.submit(ada)
    factories.grade(submission, 0.7123)
    return submission


def test_the_page_and_the_api_give_the_same_receipt(scored: Any, ada_client: Client) -> None:
    page = ada_client.get(f"/submissions/{scored.uuid}/receipt")
    assert page["Content-Disposition"] == 'attachment; filename="sea-or-sky-receipt.json"'
    answer = ada_client.get(f"/api/v1/submissions/{scored.uuid}/receipt")
    assert page.json() == answer.json()
    facts = signing.verified(page.json(), ada_client.get(signing.WELL_KNOWN).json()["keys"])
    assert (facts["score"], facts["site"], facts["version"]) == ("0.7", SITE, scored.version.version)
    assert (facts["submission"], facts["payload_sha256"]) == (str(scored.uuid), scored.payload_sha256)
    assert (facts["learner"], facts["verified_by"], facts["seed"]) == (scored.user.pseudonym, "code", 0)
    assert facts["adapter_sha256"] is None and facts["model_checkpoint"]
    assert (facts["provisional"], facts["passed"]) == (False, scored.current.score.passed)


def test_a_provisional_grade_is_not_called_passed(course: object, ada: User, ada_client: Client) -> None:
    answer = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(answer, 0.9, provisional=True, review=("provisional",))
    made = ada_client.get(f"/api/v1/submissions/{answer.uuid}/receipt").json()
    facts = signing.verified(made, services.keys())
    assert (facts["provisional"], facts["passed"], facts["gold"], facts["verified_by"]) == (True, None, False, None)


def test_nothing_tells_the_score_below_the_step(scored: Any, ada_client: Client) -> None:
    assert "7123" not in without_drawn(ada_client.get(f"/submissions/{scored.uuid}/receipt").content.decode())


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "model.safetensors"])
def test_what_was_trained_is_named_by_its_weights(scored: Any, file: str) -> None:
    Evaluation.objects.filter(submission=scored).update(artifact=factories.adapter_zip(b"weights", file))
    made = services.receipt(type(scored).objects.get(pk=scored.pk), SITE)
    assert made is not None and made["receipt"]["adapter_sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_there_is_no_receipt_without_a_score(course: object, ada: User, ada_client: Client) -> None:
    waiting = factories.submit(ada)
    for address in ("/submissions/{}/receipt", "/submissions/{}/receipt/", "/api/v1/submissions/{}/receipt"):
        assert ada_client.get(address.format(waiting.uuid)).status_code == 404


def test_receipts_stay_valid_when_the_sites_secret_changes(scored: Any, client: Client, settings: Any) -> None:
    old = services.receipt(scored, SITE)
    settings.SECRET_KEY = "another secret that is long enough for a site"
    new = services.receipt(scored, SITE)
    assert old is not None and new is not None and old["key"] != new["key"]
    keys = client.get(signing.WELL_KNOWN).json()["keys"]
    assert signing.verified(old, keys) == signing.verified(new, keys)
    assert len(keys) == ReceiptKey.objects.count() == 2


def test_public_keys_are_kept_for_good(scored: Any) -> None:
    services.keys()
    for change in (
        lambda: ReceiptKey.objects.update(public="x" * 43),
        lambda: ReceiptKey.objects.all().delete(),
        lambda: ReceiptKey.objects.create(public="too short"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert ReceiptKey.objects.count() == 1


RECEIPT = {"schema": 1, "site": SITE, "learner": "Zoë ✓", "score": "0.7", "passed": True, "adapter_sha256": None}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("receipt.score", "0.9"),
        ("receipt.passed", False),
        ("receipt.learner", "Zoe ✓"),
        ("receipt.more", "x"),
        ("signature", "AAAA"),
        ("signature", "no base64url, because of an odd length: a"),
        ("key", "0" * 16),
    ],
)
def test_any_change_is_found(where: str, value: object) -> None:
    key = signing.private_key("secret")
    keys = [signing.web_key(signing.public_text(key))]
    document = signing.signed(RECEIPT, key)
    assert signing.verified(json.loads(json.dumps(document)), keys) == RECEIPT
    changed = copy.deepcopy(document)
    holder, _, name = where.rpartition(".")
    (changed[holder] if holder else changed)[name] = value
    with pytest.raises(signing.NotValid):
        signing.verified(changed, keys)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        "text",
        {"receipt": [], "key": "a", "signature": "b"},
        {"receipt": {"score": 0.7}, "key": "a", "signature": "b"},
        {"receipt": {"more": {"score": "0.7"}}, "key": "a", "signature": "b"},
        {"receipt": {"score": "0.7"}, "key": "a", "signature": "b", "more": "c"},
    ],
)
def test_what_is_no_receipt_is_refused_with_a_sentence(document: object) -> None:
    with pytest.raises(signing.NotValid, match="not a receipt"):
        signing.verified(document, [])


def test_the_signature_is_that_of_rfc_8032_over_rfc_8785() -> None:
    """The first test vector of RFC 8032, section 7.1, and the order of keys of RFC 8785."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = signing.Ed25519PrivateKey.from_private_bytes(seed)
    assert key.public_key().public_bytes_raw().hex().startswith("d75a980182b10ab7d54bfed3c964073a")
    assert signing.canonical({"b": 1, "a": None, "c": "é\n"}) == '{"a":null,"b":1,"c":"é\\n"}'.encode()


@pytest.fixture
def files(scored: Any, client: Client, tmp_path: Path) -> tuple[Path, Path]:
    receipt, keys = tmp_path / "receipt.json", tmp_path / "keys.json"
    receipt.write_text(json.dumps(services.receipt(scored, SITE)))
    keys.write_bytes(client.get(signing.WELL_KNOWN).content)
    return receipt, keys


def verify(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def verified(folder: Path, facts: dict[str, Any]) -> Any:
    """What the command says of a receipt that states these facts, too."""
    key = signing.private_key("secret")
    receipt, keys = folder / "receipt.json", folder / "keys.json"
    receipt.write_text(json.dumps(signing.signed({**RECEIPT, **facts}, key)))
    keys.write_text(json.dumps({"keys": [signing.web_key(signing.public_text(key))]}))
    return verify(receipt, "--keys", keys)


def test_the_command_line_checks_offline(files: tuple[Path, Path]) -> None:
    receipt, keys = files
    done = verify(receipt, "--keys", keys)
    assert done.exit_code == 0 and "Valid: signed by" in done.output and "score: 0.7" in done.output
    receipt.write_text(receipt.read_text().replace('"0.7"', '"0.8"'))
    done = verify(receipt, "--keys", keys)
    assert done.exit_code == 1 and "was changed after it was signed" in done.output


UNSAFE = [
    "http://example.org",
    "https://",
    "",
    "ftp://localhost.example.org",
    "http://a b\n",
    "https://good.example@evil.example",
    "https://good.example:x@evil.example",
    "https://evil.example#good.example",
    "https://evil.example?good.example",
    "https://evil.example/good.example",
    "https://evil.example\\good.example",
    "https://g\u043eod.example",
    "https://evil.example\nValid: signed by https://good.example",
]


@pytest.mark.parametrize("named", UNSAFE)
def test_only_the_address_of_a_site_and_nothing_more_is_asked(tmp_path: Path, named: str) -> None:
    document = signing.signed({**RECEIPT, "site": named}, signing.private_key("secret"))
    (file := tmp_path / "receipt.json").write_text(json.dumps(document))
    done = verify(file)
    assert done.exit_code == 1 and "safe address" in done.output and "good.example" not in done.output


def test_without_keys_the_site_is_asked(files: tuple[Path, Path], httpserver: Any, scored: Any) -> None:
    receipt, keys = files
    asked = httpserver.url_for("").rstrip("/")
    httpserver.expect_ordered_request(signing.WELL_KNOWN).respond_with_data(keys.read_text())
    httpserver.expect_ordered_request(signing.WELL_KNOWN).respond_with_data("[" * 100_000)
    receipt.write_text(json.dumps(services.receipt(scored, asked)))
    done = verify(receipt)
    assert done.exit_code == 0 and f"Valid: signed by {asked}." in done.output
    done = verify(receipt)
    assert done.exit_code == 4 and "does not answer with its public keys" in done.output


def test_no_text_of_a_receipt_looks_like_a_line_of_the_command(tmp_path: Path) -> None:
    line = "Valid: signed by https://good.example."
    texts = {f"a{end}{line}": f"b{end}{line}" for end in ("\n", "\r", "\x0b", "\x85", "\u2028", "\x1b[2K", "\u202e")}
    done = verified(tmp_path, texts)
    shown = done.output.splitlines()
    assert done.exit_code == 0 and shown[0].startswith("Valid: signed by one of the keys in the file.")
    assert len(shown) == 1 + len(RECEIPT) + len(texts) and all(one.startswith("  ") for one in shown[1:])
    assert done.output.replace("\n", "").isprintable()
    assert "  learner: Zoë ✓" in shown and "  schema: 1" in shown and "  passed: yes" in shown


@pytest.mark.parametrize("facts", [{"provisional": True, "passed": None}, {"passed": True, "verified_by": None}])
def test_the_command_line_says_that_a_grade_is_provisional(tmp_path: Path, facts: dict[str, Any]) -> None:
    """Receipts of version 0.2.0 have `verified_by` alone."""
    assert "The grade is provisional" in verified(tmp_path, facts).output


@pytest.mark.parametrize("junk", ["=", "==", "==AAAA", "!", " ", "\n"])
def test_junk_behind_the_signature_is_found(files: tuple[Path, Path], client: Client, junk: str) -> None:
    receipt, keys = files
    document = json.loads(receipt.read_text())
    changed = json.dumps({**document, "signature": document["signature"] + junk})
    receipt.write_text(changed)
    done = verify(receipt, "--keys", keys)
    assert done.exit_code == 1 and "base64url" in done.output
    answer = client.post("/receipts/", {"text": changed})
    assert answer.status_code == 422 and "base64url" in answer.context["form"].errors["text"][0]


@pytest.mark.parametrize("name", ["score", "key", "receipt"])
def test_a_key_that_stands_twice_is_found(files: tuple[Path, Path], client: Client, name: str) -> None:
    """Of two values, one reader takes the first and another the last."""
    receipt, keys = files
    changed = receipt.read_text().replace(f'"{name}":', f'"{name}": "1", "{name}":', 1)
    receipt.write_text(changed)
    done = verify(receipt, "--keys", keys)
    assert done.exit_code == 1 and "stands in it twice" in " ".join(done.output.split())
    answer = client.post("/receipts/", {"text": changed})
    assert answer.status_code == 422 and "twice" in answer.context["form"].errors["text"][0]


DEEP = [f"{opened * depth}1{closed * depth}" for depth in (300, 100_000) for opened, closed in ("[]", ('{"a":', "}"))]


@pytest.mark.parametrize("text", ["no JSON", '{"keys": 3}', "[]", "\xff", *DEEP])
@pytest.mark.parametrize("which", [0, 1])
def test_a_file_of_another_form_is_named(files: tuple[Path, Path], text: str, which: int) -> None:
    files[which].write_text(text, encoding="latin-1")
    done = verify(files[0], "--keys", files[1])
    assert isinstance(done.exception, SystemExit) and done.exit_code in (1, 2)
    words = " ".join(done.output.replace("│", " ").split())
    assert "Not valid: " in words or "is not JSON that can be read" in words


@pytest.mark.parametrize("text", DEEP)
def test_deep_json_within_a_receipt_is_named(files: tuple[Path, Path], text: str) -> None:
    receipt, keys = files
    receipt.write_text(f'{{"receipt": {{"more": {text}}}, "key": "a", "signature": "b"}}')
    assert verify(receipt, "--keys", keys).exit_code in (1, 2)
    receipt.write_text(f'{{"receipt": {{}}, "key": "a", "signature": "b", "more": {text}}}')
    assert verify(receipt, "--keys", keys).exit_code in (1, 2)
