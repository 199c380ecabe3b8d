"""NUL, lone surrogates, control characters and numbers without end, in every place of every route: never a 5xx.

SQLite stores most of them; PostgreSQL refuses them with an error of its own. `tests/postgres` runs this file there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.reviews.models import Regrade
from gradus.submissions.models import Run
from tests import factories
from tests.api.fuzz.test_honest import HONEST, OPERATIONS
from tests.conftest import logged_in
from tests.requirements import slow_on_sqlite
from tests.reviews import cases
from tests.security import poison
from tests.security.routes import LIBRARIES, PRIVATE, path, routes
from tests.security.test_routes import Things, course, things

__all__ = ["course", "things"]
FORM = "application/x-www-form-urlencoded"
# Pages that send an account away.
VISITORS = {"accounts/login/", "accounts/signup/", "admin/login/"}


def named(route: str, things: Things) -> dict[str, Any]:
    """The objects that `route` may name: those of `things`, and for a page of the admin a row of its model."""
    for model in admin.site._registry:
        if route.startswith(f"admin/{model._meta.app_label}/{model._meta.model_name}/"):
            row = model._default_manager.order_by("pk").first()
            return {"object_id": row.pk if row else 1}
    return {"app_label": "accounts", "content_type_id": 1, "url": "x", "key": "x", **things.of(route)}


SLOW = [
    pytest.param(poison.LONG, id="long", marks=pytest.mark.slow),
    pytest.param(poison.OTHERS, id="others", marks=pytest.mark.slow),
]
every = pytest.mark.parametrize("texts", [pytest.param(poison.NUL, id="NUL"), *SLOW])


@dataclass
class Site:
    """The learner who owns what private routes name, staff, who may open the others, and somebody without an account.

    `wrong` holds what was answered with a 5xx.
    """

    learner: Client
    staff: Client
    visitor: Client
    wrong: list[tuple[str, ...]] = field(default_factory=list)
    asked: int = 0

    @property
    def said(self) -> str:
        """All of it, shortened: pytest would show the first entry."""
        return "\n".join(" ".join(part[:90] for part in one) for one in self.wrong[:60])

    def client(self, route: str) -> Client:
        if route in VISITORS:
            return self.visitor
        return self.learner if route in PRIVATE else self.staff

    def ask(self, client: Client, method: str, address: str, *given: str) -> int:
        with poison.undone(client):
            response = poison.close(getattr(client, method)(address, *given))
        self.asked += 1
        if response.status_code >= 500:
            self.wrong.append((str(response.status_code), method, address, *given))
        status: int = response.status_code
        return status


@pytest.fixture
def site(ada: User, grace: User, settings: Any) -> Site:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.security.poison.middleware"]
    clients = logged_in(ada), logged_in(grace), Client()
    for client in clients:
        client.raise_request_exception = False
    return Site(*clients)


@every
def test_every_part_of_every_path(things: Things, site: Site, texts: tuple[str, ...]) -> None:
    for route in routes():
        for text in texts:
            for address in poison.in_each_part(route, named(route, things), text):
                site.ask(site.client(route), "get", address)
                site.ask(site.client(route), "post", address)
    assert not site.wrong, site.said
    assert site.asked > 100


def asked_together(route: str, kind: str, names: set[str]) -> list[list[str]]:
    """A query string, and a form of Django's own, is checked as a whole; our own views may stop at the first field."""
    if kind == "GET" or route.startswith(LIBRARIES):
        return [sorted(names)]
    return [[name] for name in sorted(names)]


@slow_on_sqlite
@pytest.mark.parametrize(
    ("texts", "also_unread"),
    [
        pytest.param(poison.NUL, False, id="NUL"),
        pytest.param((*poison.NUL, *poison.LONG), True, id="long", marks=pytest.mark.slow),
        pytest.param(poison.OTHERS, True, id="others", marks=pytest.mark.slow),
    ],
)
def test_every_parameter_and_field_of_every_route(
    things: Things, site: Site, texts: tuple[str, ...], also_unread: bool
) -> None:
    """`also_unread` says to send a query of a strange name to routes that read none."""
    read: set[str] = set()
    for route in routes():
        address, client = path(route, named(route, things)), site.client(route)
        for kind, names in poison.names_read(client, address).items():
            read |= names
            for text in texts if names or also_unread else ():
                for together in asked_together(route, kind, names):
                    query = "&".join(f"{name}={text}" for name in together) + f"&{text}=1"
                    if kind == "GET":
                        site.ask(client, "get", f"{address}?{query}")
                    else:
                        site.ask(client, "post", address, query, FORM)
    assert not site.wrong, site.said
    # Names of each kind: of a page, a form of ours, an account's form, a list and a form of the admin.
    assert {"track", "instructions", "password", "login", "note", "text", "first_name"} <= read


@every
def test_every_parameter_of_the_lists_of_the_admin(things: Things, site: Site, texts: tuple[str, ...]) -> None:
    for address, name in poison.of_lists():
        for text in texts:
            site.ask(site.staff, "get", f"{address}?{name}={text}")
    for address, action in poison.actions():
        for text in texts:
            site.ask(site.staff, "post", address, f"action={action}&_selected_action={text}", FORM)
    assert not site.wrong, site.said
    assert site.asked > 100


@slow_on_sqlite
def test_every_text_of_every_body_of_the_api(things: Things, site: Site) -> None:
    """An honest body with one text made hostile is refused; a long number is a text where a text is asked for."""
    taken = []
    for name, operation in OPERATIONS.items():
        who, _, body = HONEST[name]
        route = operation.path.removeprefix("/").replace("{", "<x:").replace("}", ">")
        address, client = path(route, things.of(route)), site.staff if who == "staff" else site.learner
        for text in poison.IN_JSON if operation.method != "get" else ():
            for sent in map(json.dumps, poison.in_each_text(body or {}, text)):
                status = site.ask(client, operation.method, address, sent, "application/json")
                if status < 300 and body is not None and not text.isdigit():
                    taken.append((name, sent))
    assert not site.wrong, site.said
    assert not taken


def test_a_year_and_a_row_that_are_no_numbers_are_refused_in_the_lists_of_the_admin(
    db: None, grace_client: Client
) -> None:
    chosen = {"action": "delete_selected", "_selected_action": "x"}
    for answer in (
        grace_client.get(f"/admin/accounts/staffaction/?at__year={'9' * 30}"),
        grace_client.post("/admin/accounts/enrolment/", chosen),
    ):
        assert answer.status_code == 400 and "could not be read" in answer.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/teach/platforms/{}/deployments/1",
        "/teach/boards/sea-or-sky/{}/similar/1/4/",
        "/teach/platforms/1/contexts/{}",
        "/api/v1/classes/{}",
    ],
)
def test_a_number_that_is_too_long_for_a_row_names_nothing(course: Course, grace_client: Client, address: str) -> None:
    for number in ("9" * 19, "9" * 30):
        assert grace_client.get(address.format(number)).status_code == 404
        assert grace_client.post(address.format(number)).status_code == 404


def test_a_cookie_that_spells_a_nul_is_not_looked_up(db: None) -> None:
    """Python's reader of cookies takes octal escapes in quotes; the session's key goes to the database."""
    # As a header: newer versions of Python refuse to put such a cookie together.
    sent = {"Cookie": 'sessionid="abcdefghijkl\\000m"; csrftoken="a\\000b"'}
    assert Client(raise_request_exception=False).get("/profile/", headers=sent).status_code == 302


def test_the_demo_says_which_character_to_remove_and_keeps_the_text(course: Course, ada_client: Client) -> None:
    page = ada_client.post("/lessons/first/demo/", {"text": "a her\x00on"})
    assert page.status_code == 422
    assert "Character 6 is U+0000, a control character: remove it." in page.content.decode()
    assert "her" in page.content.decode()
    answer = ada_client.post("/api/v1/lessons/first/demo", {"text": "a her\x00on"}, content_type="application/json")
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert (answer.json()["code"], problem["field"]) == ("control_character", "text")
    assert not Run.objects.exists()


def test_an_address_says_which_parameter_to_correct(course: Course, ada_client: Client) -> None:
    answer = ada_client.get("/api/v1/submissions?challenge=%00")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert "“challenge”" in answer.json()["detail"] and "U+0000" in answer.json()["detail"]
    page = ada_client.get("/lessons/first/advisor/?at=%00")
    assert page.status_code == 400
    assert "“at”" in page.content.decode() and "U+0000" in page.content.decode()
    assert "script-src" in page["Content-Security-Policy"]
    assert ada_client.get("/api/v1/courses/a%00b/path").json()["code"] == "not_found"


@pytest.mark.parametrize("text", ["It is\x00 named.", "x" * 2001])
def test_an_appeal_that_is_refused_stays_in_its_field(ada: User, course: Course, text: str) -> None:
    submission, client = cases.final(ada), logged_in(ada)
    page = client.post(f"/submissions/{submission.uuid}/appeal", {"text": text})
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode() and f"{text[-5:]}</textarea>" in page.content.decode()
    assert not submission.appeals.exists()
    client.post(f"/submissions/{submission.uuid}/appeal", {"text": "a\r\n" * 1000})
    assert submission.appeals.get().text == ("a\n" * 1000).strip()


def test_a_note_that_is_refused_stays_in_its_field(ada: User, course: Course, grace_client: Client) -> None:
    cases.final(ada)
    for note in ("again\x00", "x" * 301):
        page = grace_client.post("/reviews/regrades/", {"challenge": "explain", "note": note})
        assert "remove it" in page.content.decode() or "Shorten it" in page.content.decode()
        assert note[:5] in page.content.decode() and not Regrade.objects.exists()
    assert grace_client.post("/reviews/regrades/", {"challenge": "explain", "note": "x" * 300}).status_code == 302
    assert Regrade.objects.get().note == "x" * 300


def test_a_token_is_not_named_with_a_control_character(ada: User, ada_client: Client) -> None:
    page = ada_client.post("/profile/tokens/", {"name": "lap\x1btop"})
    assert page.status_code == 422 and "Character 4 is U+001B" in page.content.decode()
    assert not ada.api_tokens.exists()


def test_an_address_of_mail_longer_than_its_column_is_refused(ada: User, ada_client: Client) -> None:
    page = Client().post("/accounts/signup/", {"email": poison.LONG[1], "password1": factories.PASSWORD})
    assert page.status_code == 200 and "254 are allowed" in page.content.decode()
    page = ada_client.post("/accounts/email/", {"email": poison.LONG[1], "action_add": ""})
    assert page.status_code == 200 and "254 are allowed" in page.content.decode()
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]
