"""Pages for one person are kept by nobody else: by no proxy, and not unasked by the browser."""

from __future__ import annotations

import pytest
from django.test import Client

from gradus.accounts.models import User
from tests.conftest import logged_in
from tests.security.test_routes import Things, course, things
from tests.security.test_servers_away import walked

__all__ = ["course", "things"]
# Everybody gets the same answer.
PUBLIC = {"lti/keys.json": "public, max-age=300"}
CHANGING = "private, no-cache"


def test_every_route_says_who_may_keep_what_it_answers(
    things: Things, ada: User, grace_client: Client, guest_client: Client
) -> None:
    clients = {"guest": guest_client, "learner": logged_in(ada), "staff": grace_client, "newcomer": Client()}
    for client in clients.values():
        client.raise_request_exception = False
    said = {
        route: answer.headers.get("Cache-Control", "")
        for (_who, route), answer in walked(things, clients, every=False).items()
    }
    assert {route: said[route] for route in PUBLIC} == PUBLIC
    private = {route: rule for route, rule in said.items() if route not in PUBLIC}
    assert {route for route, rule in private.items() if "private" not in rule or "no-" not in rule} == set()
    for_staff_or_secret = {route for route in private if route.startswith(("api/", "admin/", "teach/", "profile/"))}
    assert len(for_staff_or_secret) > 100 and all("no-store" in private[route] for route in for_staff_or_secret)


@pytest.mark.parametrize("path", ["/", "/path/", "/challenges/sea-or-sky/", "/nothing/", "/?a=%00"])
def test_the_back_button_still_leads_to_a_learners_page(course, ada: User, path: str) -> None:
    assert logged_in(ada).get(path)["Cache-Control"] == Client().get(path)["Cache-Control"] == CHANGING
