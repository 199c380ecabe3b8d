"""The roster of a platform in this process, and who is in the class."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from gradus import outgoing
from gradus.classes.models import Class
from gradus.lti import rosters
from gradus.lti.messages import ROSTER
from gradus.lti.models import Context, Link
from tests.lti.platform import ISSUER, LEARNER, Moodle, private_key

URL = f"{ISSUER}/mod/lti/services.php/CourseSection/7/bindings/2/memberships"
OFFERED = {ROSTER: {"context_memberships_url": URL, "service_versions": ["1.0", "2.0"]}}
Change = Callable[[], Any]


def person(sub: str, *roles: str, **more: Any) -> dict[str, Any]:
    named = {"given_name": sub.title(), "family_name": "Lee", "email": "grace@example.org"}
    return {"user_id": sub, "roles": list(roles or (LEARNER,)), "status": "Active", **named, **more}


@dataclass
class Service:
    """The platform's roster, in pages. `answers` may hold another answer for an address."""

    moodle: Moodle
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    next: Callable[[int], str] = lambda number: f'<{URL}?page={number}>; rel="next"'
    answers: dict[str, Any] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    meanwhile: Change = lambda: None

    def send(self, method: str, address: str, **given: Any) -> outgoing.Answer:
        if address == f"{ISSUER}/token":
            form = given["form"]
            jwt.decode(form["client_assertion"], private_key("of this site").public_key(), ["RS256"], audience=address)
            self.scopes.append(form["scope"])
            return self._answer({"access_token": "key", "expires_in": 3600})
        if not address.startswith(URL):
            return self.moodle.send(method, address, **given)
        assert given["headers"] == {"Authorization": "Bearer key", "Accept": rosters.ACCEPT}
        self.asked.append(address)
        self.meanwhile()
        if (found := self.answers.get(address)) is not None:
            if isinstance(found, Exception):
                raise found
            return found if isinstance(found, outgoing.Answer) else self._answer(found)
        number = int(address.partition("page=")[2] or 0)
        last = number + 1 >= len(self.pages)
        headers = {} if last else {"Link": f'<{URL}>; rel="first", {self.next(number + 1)}'}
        return self._answer({"id": address, "context": {"id": "course-7"}, "members": self.pages[number]}, headers)

    def _answer(self, value: Any, headers: dict[str, str] | None = None) -> outgoing.Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return outgoing.Answer(200, httpx.Headers(headers or {}), body)


def now_there(of_class: Class) -> dict[str, tuple[str, str, str]]:
    found = Link.objects.filter(user__memberships__of_class=of_class)
    rows = found.values_list("sub", "user__memberships__state", "user__memberships__learner_data")
    names = dict(found.values_list("sub", "user__memberships__first_name"))
    return {sub: (state, level, names[sub]) for sub, state, level in rows}


def follow(context: Context, service: Service, *people: dict[str, Any]) -> Context:
    service.pages = [list(people)]
    rosters.follow(context)
    return Context.objects.select_related("of_class", "deployment__platform").get(pk=context.pk)
