"""Who asks too often gets 429, the time to wait, and a page that says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from gradus.accounts.models import User
from gradus.classes import services as classes
from gradus.courses.models import Course
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Submission
from tests import factories
from tests.api.conftest import Caller, problem


def until_limited(client: Client, path: str, data: dict[str, str], most: int):
    for _ in range(most):
        response = client.post(path, data)
        if response.status_code == 429:
            return response
        assert response.status_code in (200, 302)
    raise AssertionError(f"{path} took {most} requests")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/accounts/signup/", {"email": "not an address"}),
        ("/accounts/login/", {"login": "nobody@example.org"}),
        ("/accounts/password/reset/", {"email": "nobody@example.org"}),
    ],
)
def test_pages_of_accounts_are_limited(db: None, path: str, data: dict[str, str]) -> None:
    # The clock stands still, because requests of more than a second would leave fewer to wait.
    with time_machine.travel(datetime.now(UTC), tick=False):
        response = until_limited(Client(), path, data, 40)
    assert int(response["Retry-After"]) > 0
    assert "Wait 60 seconds" in response.content.decode()


def test_guessing_a_password_is_limited(ada) -> None:
    client = Client()
    for _ in range(5):
        client.post("/accounts/login/", {"login": ada.email, "password": "wrong-password"})
    response = client.post("/accounts/login/", {"login": ada.email, "password": factories.PASSWORD})
    assert "_auth_user_id" not in client.session
    assert "Too many wrong passwords" in response.content.decode()


@pytest.mark.parametrize("path", ["/join/{}/", "/join/?code={}"])
def test_wrong_codes_of_classes_are_limited_by_address_and_right_ones_are_not(
    course: Course, grace: User, ada: User, ada_api: Caller, path: str
) -> None:
    evening = factories.a_class(course)
    code = classes.rotate_code(evening, by=grace, until=datetime.now(UTC) + timedelta(days=1)).join_code
    client, school = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="198.51.100.1")
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        assert {client.get(f"/join/{code}/").status_code for _ in range(60)} == {200}
        assert [client.get(path.format(f"wrong{n}")).status_code for n in range(31)] == [404] * 30 + [429]
        refused = client.get(f"/join/{code}/")
        assert (refused.status_code, refused["Retry-After"]) == (429, "60")
        assert school.get(f"/join/{code}/").status_code == 200
        ada_api.client = client
        told = problem(ada_api.post("/classes/join", {"code": code}), 429, "too_many_requests")
        assert "60 seconds" in told["detail"] and not evening.members.exists()
        clock.shift(61)
        assert client.get(f"/join/{code}/").status_code == 200
        assert ada_api.post("/classes/join", {"code": code}).status_code == 200
    assert evening.members.get().user == ada


def test_wrong_codes_at_the_api_count_as_well(course: Course, ada_api: Caller) -> None:
    answers = [ada_api.post("/classes/join", {"code": f"wrong{number}"}) for number in range(31)]
    assert [answer.status_code for answer in answers] == [404] * 30 + [429]
    assert Client().get("/join/wrong/").status_code == 429


def test_runs_and_submits_are_limited(ada, ada_client, ada_api: Caller, sea_or_sky, settings) -> None:
    for _ in range(limits.OPEN_RUNS.allowed(Use())):
        services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    for _ in range(settings.IN_FLIGHT):
        factories.submit(ada)
    for call, path, said in (("runs", "run", "Wait for one to end"), ("submissions", "submit", "are being graded")):
        answer = ada_api.post(f"/challenges/sea-or-sky/{call}", factories.PROMPT)
        page = ada_client.post(f"/challenges/sea-or-sky/{path}", {"kind": "prompt", "instructions": "x"})
        for response in (answer, page):
            assert (response.status_code, int(response["Retry-After"]) > 0) == (429, True)
        assert said in page.content.decode()
    addresses = [f"/submissions/{one.uuid}/" for one in Submission.objects.filter(user=ada)]
    assert {one["url"] for one in answer.json()["problems"]} == set(addresses)
    assert all(f'<a href="{address}">“Sea or sky”, submitted on' in page.content.decode() for address in addresses)
