"""A learning platform in this process: its keys, its signed messages, and what it answers to this site's requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from gradus import outgoing
from gradus.lti import messages
from gradus.lti.models import Platform

ISSUER = "https://moodle.example.org"
CLIENT = "gradus-1"
CLAIM = messages.CLAIM
TEACHER = f"{messages.ROLE}#Instructor"
ASSISTANT = f"{messages.ROLE}/Instructor#TeachingAssistant"
LEARNER = f"{messages.ROLE}#Learner"
SITE = "http://testserver"


@cache
def private_key(name: str) -> RSAPrivateKey:
    """One key for each name: making one takes a tenth of a second."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def web_key(name: str, **more: Any) -> dict[str, Any]:
    made = json.loads(RSAAlgorithm.to_jwk(private_key(name).public_key()))
    return {"kty": "RSA", "n": made["n"], "e": made["e"], "kid": name, "use": "sig", "alg": "RS256", **more}


@dataclass
class Moodle:
    """Signs messages for one registration. `answers` holds what an address answers: a value, or a function."""

    issuer: str = ISSUER
    client_id: str = CLIENT
    kids: list[str] = field(default_factory=lambda: ["first"])
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers[self.keys_url] = lambda: {"keys": [web_key(kid) for kid in self.kids]}

    @property
    def keys_url(self) -> str:
        return f"{self.issuer}/keys"

    @property
    def form(self) -> dict[str, str]:
        """What an operator types."""
        addresses = {"auth_url": f"{self.issuer}/auth", "token_url": f"{self.issuer}/token", "keys_url": self.keys_url}
        return {"title": "Moodle", "issuer": self.issuer, "client_id": self.client_id, "hosts": "", **addresses}

    def send(self, method: str, address: str, **_given: Any) -> outgoing.Answer:
        """Takes the place of `outgoing.send`."""
        self.asked.append(address)
        answer = self.answers.get(address)
        answer = answer() if callable(answer) else answer
        if answer is None:
            raise outgoing.Unreachable("It is away.", is_certain=True)
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return outgoing.Answer(200, httpx.Headers(), body)

    def claims(self, of: str, **changed: Any) -> dict[str, Any]:
        """The claims of a launch. A key of `changed` that no JWT has is a claim of LTI; None removes one."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": "ada-at-moodle",
            "iat": now,
            "exp": now + 300,
            "nonce": of,
            "given_name": "Ada",
            "family_name": "Byron",
            "email": "grace@example.org",
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}deployment_id": "1",
            f"{CLAIM}target_link_uri": f"{SITE}/challenges/sea-or-sky/",
            f"{CLAIM}roles": [LEARNER],
            f"{CLAIM}context": {"id": "course-7", "title": "Models of language"},
            f"{CLAIM}resource_link": {"id": "link-1"},
        }
        plain = {"iss", "aud", "sub", "iat", "exp", "nbf", "azp", "nonce", "given_name", "family_name", "email", "name"}
        for name, value in changed.items():
            claims[name if name in plain or name.startswith("https:") else CLAIM + name] = value
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, of: str, *, signed_by: str = "first", headers: dict[str, Any] | None = None, **changed: Any) -> str:
        given = {"kid": signed_by, **(headers or {})}
        return jwt.encode(self.claims(of, **changed), private_key(signed_by), algorithm="RS256", headers=given)


def begin(client: Client, moodle: Moodle, **more: str) -> dict[str, str]:
    """Begins a launch in this browser. Returns what the platform was asked."""
    given = {"iss": moodle.issuer, "client_id": moodle.client_id, "login_hint": "7", "target_link_uri": SITE, **more}
    answer = client.get("/lti/login", given)
    assert answer.status_code == 302, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def take(client: Client, state: str, token: str) -> Any:
    return client.post("/lti/launch", {"state": state, "id_token": token})


def launch(client: Client, moodle: Moodle, *, make: Callable[[str], str] | None = None, **changed: Any) -> Any:
    """A whole launch in this browser, as far as it comes. Returns the last answer."""
    asked = begin(client, moodle)
    token = make(asked["nonce"]) if make else moodle.token(asked["nonce"], **changed)
    answer = take(client, asked["state"], token)
    return client.get(answer["Location"]) if answer.status_code == 303 else answer


def registered(moodle: Moodle) -> Platform:
    return Platform.objects.get(issuer=moodle.issuer, client_id=moodle.client_id)
