"""A provider of OpenID Connect on the loopback, with a log-in that needs no page and with all that can go wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

SECRET = "a-secret-of-the-school-and-of-this-site"
CLIENT = "gradus"
Change = Callable[[dict[str, Any]], Any]


@cache
def key_pair(name: str) -> rsa.RSAPrivateKey:
    """Made once for each name and process, because it takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(name: str) -> dict[str, Any]:
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key_pair(name).public_key(), as_dict=True)
    return {**numbers, "kid": name, "use": "sig", "alg": "RS256"}


class School:
    """A provider at `issuer`. `person` is who is signed in there; the other fields change what it answers."""

    def __init__(self, server: HTTPServer, path: str = "school") -> None:
        self.server, self.path = server, path
        self.issuer = server.url_for(f"/{path}")
        self.person: dict[str, Any] | None = {
            "sub": "ada-1",
            "email": "ada@uni.edu",
            "email_verified": True,
            "given_name": "Ada",
            "family_name": "King",
        }
        self.published = ["first"]
        self.signs_with = "first"
        self.claims: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        # A function that makes the ID token of its claims, in place of the usual signature.
        self.sign: Change | None = None
        # An answer in place of the usual one, by the last part of the address.
        self.instead: dict[str, Response | Callable[[], Response]] = {}
        self.asked: list[str] = []
        self.begun: dict[str, dict[str, str]] = {}
        self.redeemed: set[str] = set()
        for name in ("openid-configuration", "authorize", "token", "userinfo", "keys"):
            folder = "/.well-known" if name == "openid-configuration" else ""
            server.expect_request(f"/{path}{folder}/{name}").respond_with_handler(self._answer(name))

    def setting(self, **more: Any) -> dict[str, Any]:
        """An entry of GRADUS_OIDC."""
        names = {"id": self.path, "name": f"The {self.path}", "issuer": self.issuer}
        return {**names, "client_id": CLIENT, "client_secret": SECRET, **more}

    def _answer(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            self.asked.append(name)
            if (instead := self.instead.get(name)) is not None:
                return instead() if callable(instead) and not isinstance(instead, Response) else instead
            found: Response = getattr(self, f"_{name.replace('-', '_')}")(request)
            return found

        return answer

    def _openid_configuration(self, request: Request) -> Response:
        at = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "keys",
        }
        told = {name: f"{self.issuer}/{end}" for name, end in at.items()}
        return as_json({"issuer": self.issuer, **told, **self.config})

    def _authorize(self, request: Request) -> Response:
        asked = dict(request.args)
        answer = {"state": asked["state"]}
        if self.person is None and asked.get("prompt") == "none":
            answer["error"] = "login_required"
        else:
            code = secrets.token_urlsafe(12)
            self.begun[code] = asked
            answer["code"] = code
        return Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"})

    def _token(self, request: Request) -> Response:
        form = request.form
        code = form.get("code", "")
        asked = self.begun.get(code)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = asked is not None and asked["code_challenge"] == base64.urlsafe_b64encode(proof).decode().rstrip("=")
        if request.authorization is None or request.authorization.password != SECRET:
            return as_json({"error": "invalid_client"}, 401)
        if asked is None or not fits or code in self.redeemed or form["redirect_uri"] != asked["redirect_uri"]:
            return as_json({"error": "invalid_grant"}, 400)
        self.redeemed.add(code)
        return as_json({"access_token": "access", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])})

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        given = {**said, **(self.person or {}), **self.claims}
        claims = {name: value for name, value in given.items() if value is not ...}
        if self.sign is not None:
            return str(self.sign(claims))
        return jwt.encode(claims, key_pair(self.signs_with), "RS256", headers={"kid": self.signs_with})

    def _userinfo(self, request: Request) -> Response:
        return as_json({"sub": (self.person or {}).get("sub"), **self.userinfo})

    def _keys(self, request: Request) -> Response:
        return as_json({"keys": [public(name) for name in self.published]})


def as_json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status=status, content_type="application/json")


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(address.partition("?")[2]).items()}
