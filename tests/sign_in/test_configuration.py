"""GRADUS_OIDC is checked when the site starts, and what is wrong is said without the secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from gradus.environment import Environment
from gradus.sign_in.configuration import read

RULE = {"claim": "groups", "value": "staff", "class": 3, "role": "assistant", "label": "Section 1"}
WHOLE = {
    "id": "university",
    "name": "University",
    "issuer": "https://id.uni.edu",
    "client_id": "gradus",
    "client_secret": "s3cret-of-ours",
    "rules": [RULE],
}


def test_none_is_none_and_all_fields_are_read() -> None:
    assert read("") == read("  ") == read("[]") == ()
    (one,) = read(json.dumps([WHOLE]))
    assert (one.id, one.scopes, one.rules[0].of_class) == ("university", ("openid", "profile", "email"), 3)
    assert not one.second_factor and read(json.dumps([{**WHOLE, "second_factor": True}]))[0].second_factor
    assert "s3cret" not in repr(one)


def test_an_environment_file_can_hold_it(tmp_path) -> None:
    file = tmp_path / "env"
    file.write_text(f"GRADUS_TEST_OIDC='{json.dumps([WHOLE])}'\n")
    env = Environment()
    env.read_env(str(file), overwrite=True)
    assert read(env.str("GRADUS_TEST_OIDC"))[0].client_secret.get_secret_value() == "s3cret-of-ours"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "The Uni"}, "number 1, id: it takes small letters"),
        ({"id": "openid_connect"}, "number 1, id:"),
        ({"issuer": "http://id.uni.edu"}, "number 1, issuer: it takes an address that begins with https://"),
        ({"issuer": "https://id.uni.edu/.well-known/openid-configuration"}, "leave out /.well-known/"),
        ({"issuer": "https://id.uni.edu/?a=b"}, "issuer:"),
        ({"issuer": "https://me:pass@id.uni.edu"}, "issuer:"),
        ({"client_secret": ""}, "number 1, client_secret: "),
        ({"client_secret": None}, "number 1, client_secret: "),
        ({"scopes": ["email"]}, "the scopes of university lack openid"),
        ({"confirmed_domains": ["@uni.edu"]}, "confirmed_domains, number 1: it takes a domain"),
        ({"colour": "red"}, "number 1, colour: Extra inputs are not permitted"),
        ({"rules": [{**RULE, "role": "dean"}]}, "rules, number 1, role: Input should be 'learner'"),
        ({"rules": [{**RULE, "class": "llm"}]}, "rules, number 1, class: "),
        ({"rules": [{**RULE, "label": "a\nb"}]}, "it holds a control character"),
        ({"rules": [{"claim": "x"}]}, "rules, number 1, class: Field required"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_the_secret(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(json.dumps([{**WHOLE, **change}]))
    assert said in str(caught.value) and "GRADUS_OIDC" in str(caught.value)
    assert "s3cret" not in str(caught.value) and "docs/operations/sign-in.md" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "nonsense", '{"id": 1}', "[1]", "null"])
def test_a_text_that_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="GRADUS_OIDC cannot be read"):
        read(text)


def test_each_provider_has_an_id_and_a_name_of_its_own() -> None:
    with pytest.raises(ImproperlyConfigured, match="two providers have the id 'university'"):
        read(json.dumps([WHOLE, {**WHOLE, "name": "Another"}]))
    with pytest.raises(ImproperlyConfigured, match="two providers have the name 'University'"):
        read(json.dumps([WHOLE, {**WHOLE, "id": "another"}]))


@pytest.mark.parametrize(
    ("claims", "rule", "meets"),
    [
        ({"groups": ["a", "staff"]}, RULE, True),
        ({"groups": "staff"}, RULE, True),
        ({"groups": "staff,more"}, RULE, False),
        ({"groups": ["Staff"]}, RULE, False),
        ({"groups": {"staff": 1}}, RULE, False),
        ({"groups": None}, RULE, False),
        ({}, RULE, False),
        ({"realm": {"roles": ["staff"]}}, {**RULE, "claim": "realm.roles"}, True),
        ({"realm.roles": ["staff"]}, {**RULE, "claim": "realm.roles"}, True),
        ({"realm": ["staff"]}, {**RULE, "claim": "realm.roles"}, False),
        ({"https://uni.edu/roles": "staff"}, {**RULE, "claim": "https://uni.edu/roles"}, True),
        ({"student": True}, {**RULE, "claim": "student", "value": "true"}, True),
        ({"student": False}, {**RULE, "claim": "student", "value": None}, False),
        ({"year": 3}, {**RULE, "claim": "year", "value": "3"}, True),
        ({"sub": "anybody"}, {**RULE, "claim": "sub", "value": None}, True),
        ({"sub": ""}, {**RULE, "claim": "sub", "value": None}, False),
    ],
)
def test_a_rule_compares_whole_values(claims: dict[str, Any], rule: dict[str, Any], meets: bool) -> None:
    (one,) = read(json.dumps([{**WHOLE, "rules": [rule]}]))
    assert one.places(claims) == ([{"class": 3, "role": "assistant", "label": "Section 1"}] if meets else [])
