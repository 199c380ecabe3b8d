"""The gradebook of a platform in this process, and rounds of the sender."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from django.db.models import F
from django.test import Client

from gradus import outgoing
from gradus.classes.models import Member
from gradus.lti import keys, sending
from gradus.lti.models import Delivery, LineItem, Platform
from gradus.outgoing import Unreachable
from tests import factories
from tests.lti.platform import Moodle, launch, private_key

ITEM = "https://moodle.example.org/mod/lti/services.php/7/lineitems/9/lineitem?type_id=2"
SCORES = ITEM.replace("?", "/scores?")
RESULTS = ITEM.replace("?", "/results?")
SCOPES = [f"{sending.AGS}score", f"{sending.AGS}result.readonly", f"{sending.AGS}lineitem"]
Fault = Callable[[], None]


@dataclass
class Gradebook:
    """The platform's gradebook, as the specification and Open edX have it: an older or equal timestamp is refused.

    `before` and `after` are called for each score, before and after it is kept.
    """

    moodle: Moodle
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    before: Fault = lambda: None
    after: Fault = lambda: None

    def send(self, method: str, address: str, **given: Any) -> outgoing.Answer:
        if address == f"{self.moodle.issuer}/token":
            return self._token(given["form"])
        if address.startswith((SCORES.split("?")[0], RESULTS.split("?")[0])):
            assert given["headers"]["Authorization"] == f"Bearer token-{self.tokens}"
            if method == "GET":
                return self._results(address)
            assert (method, address) == ("POST", SCORES)
            return self._score(json.loads(given["content"]))
        return self.moodle.send(method, address)

    def _token(self, form: dict[str, str]) -> outgoing.Answer:
        key = private_key("of this site").public_key()
        claims = jwt.decode(form["client_assertion"], key, algorithms=["RS256"], audience=f"{self.moodle.issuer}/token")
        assert (claims["iss"], claims["sub"]) == (self.moodle.client_id, self.moodle.client_id)
        assert jwt.get_unverified_header(form["client_assertion"])["kid"] in {one["kid"] for one in keys.published()}
        assert form["grant_type"] == "client_credentials" and "score" in form["scope"]
        self.tokens += 1
        return answer({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    def _score(self, body: dict[str, Any]) -> outgoing.Answer:
        self.received.append(body)
        self.before()
        kept = self.shown.get(body["userId"])
        if kept is not None and kept["timestamp"] >= body["timestamp"]:
            raise Unreachable("The platform answered with the status 400.", status=400, is_certain=True)
        self.shown[body["userId"]] = body
        self.after()
        return answer({})

    def _results(self, address: str) -> outgoing.Answer:
        (user,) = parse_qs(urlsplit(address).query)["user_id"]
        kept = self.shown.get(user)
        if kept is None or "scoreGiven" not in kept:
            return answer([])
        return answer([{"userId": user, "resultScore": kept["scoreGiven"], "resultMaximum": kept["scoreMaximum"]}])

    def points(self, user: str = "ada-at-moodle") -> float | None:
        kept = self.shown.get(user)
        return None if kept is None else kept.get("scoreGiven")


def answer(value: Any) -> outgoing.Answer:
    return outgoing.Answer(200, httpx.Headers(), json.dumps(value).encode())


def endpoint(url: str = ITEM, scopes: list[str] | None = None) -> dict[str, Any]:
    """The claim that says where grades go, by its whole name."""
    return {"https://purl.imsglobal.org/spec/lti-ags/claim/endpoint": {"scope": scopes or SCOPES, "lineitem": url}}


def launched(moodle: Moodle, **more: Any) -> Client:
    client, claims = Client(), dict(more)
    item = claims.pop("item", endpoint())

    def make(nonce: str) -> str:
        signed = {**moodle.claims(nonce, **claims), **item}
        return jwt.encode(signed, private_key("first"), algorithm="RS256", headers={"kid": "first"})

    assert launch(client, moodle, make=make).status_code == 302
    return client


def lost() -> None:
    raise Unreachable("The platform's answer took too long.")


def grade(member: Member, score: float) -> None:
    assert member.user is not None
    factories.grade(factories.submit(member.user), score)


def worked(*, later: timedelta = timedelta(0)) -> int:
    """A round of the sender, `later` than now."""
    LineItem.objects.update(looked_at=None)
    if later:
        Delivery.objects.update(due_at=F("due_at") - later)
        Platform.objects.update(rest_until=F("rest_until") - later)
    return sending.run()
