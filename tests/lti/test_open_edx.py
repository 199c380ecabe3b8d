"""Open edX's own code of a platform, in an environment of its own: log-in, launch, deep linking, roster and a grade."""

from __future__ import annotations

import html
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

from benchmarks import venvs
from gradus import outgoing
from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.gradebook import services as gradebook
from gradus.lti import keys, rosters, sending, services
from gradus.lti.models import Context, Delivery, Link, Platform
from tests import factories

# Open edX takes no address whose host has no dot.
HOST = "gradus.example.org"
SITE = f"http://{HOST}"
HTTP = httpx.Client(timeout=60)
pytestmark = [pytest.mark.slow, pytest.mark.open_edx, pytest.mark.django_db]
FIELD = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', re.S)
FORM = re.compile(r'<form[^>]*action="([^"]+)"', re.S)


@pytest.fixture
def open_edx(db: None, httpserver: HTTPServer) -> Iterator[str]:
    """The address of the platform, which reads this site's keys by HTTP."""
    keys.ensure()
    httpserver.expect_request("/lti/keys.json").respond_with_json(Client().get("/lti/keys.json").json())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(__file__).with_name("open_edx.py")
    keyset = httpserver.url_for("/lti/keys.json")
    command = [str(venvs.python("lti-consumer")), "-P", str(program), str(port), SITE, keyset]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        assert any("listening" in line for line in running.stdout)
        yield f"http://127.0.0.1:{port}"
        running.kill()


def shown(open_edx: str) -> dict[str, Any]:
    found: dict[str, Any] = HTTP.get(f"{open_edx}/registration").json()
    return found


@pytest.fixture
def platform(open_edx: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Registered with what Studio shows, as the page for operators says."""
    monkeypatch.setattr(outgoing, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(outgoing, "ALL_SECONDS", 120.0)
    settings.LTI_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.ALLOWED_HOSTS = [HOST, "testserver"]
    sending.tokens.clear()
    found, operator = shown(open_edx), factories.UserFactory.create(username="operator", is_staff=True)
    form = {
        "title": "Open edX",
        "issuer": found["issuer"],
        "client_id": found["client_id"],
        "auth_url": found["oidc_callback"],
        "token_url": found["token_url"],
        "keys_url": found["keyset_url"],
        "hosts": "",
    }
    made = services.add(by=operator, **form)
    assert made.keys_fault == ""
    return made


def launch(browser: Client, open_edx: str, user: str, **more: str) -> Any:
    """A person opens the component. Returns this site's last answer."""
    there = urlsplit(HTTP.get(f"{open_edx}/start", params={"user": user, **more}).json()["url"])
    begun = browser.get(there.path, dict(httpx.QueryParams(there.query)))
    assert begun.status_code == 302, begun.content.decode()
    page = HTTP.get(begun["Location"])
    assert page.status_code == 200, page.text
    action = FORM.search(page.text)
    assert action and html.unescape(action[1]) == f"{SITE}/lti/launch"
    fields = {name: html.unescape(value) for name, value in FIELD.findall(page.text)}
    answer = browser.post("/lti/launch", fields)
    return browser.get(answer["Location"]) if answer.status_code == 303 else answer


def test_from_the_first_launch_to_the_grade(open_edx: str, platform: Platform, tmp_path: Path) -> None:
    course = factories.tiny_course(tmp_path / "tiny")
    of_class, operator = factories.a_class(course), User.objects.get(username="operator")
    ada, grace = Client(SERVER_NAME=HOST), Client(SERVER_NAME=HOST)
    assert launch(ada, open_edx, "ada").status_code == 403
    services.approve(platform.deployments.get(deployment_id="1"), by=operator)
    assert launch(ada, open_edx, "ada").status_code == 409
    services.connect(Context.objects.get(), of_class, by=operator)
    assert launch(ada, open_edx, "ada")["Location"] == "/challenges/sea-or-sky/"
    assert of_class.members.get().learner_data == "none"
    launch(grace, open_edx, "grace")
    assert sorted(of_class.members.values_list("learner_data", flat=True)) == ["editor", "none"]

    # A teacher picks, and the platform's next launch leads there.
    page = launch(grace, open_edx, "grace", picks="1")
    assert page.status_code == 200 and "Choose" in page.content.decode()
    address = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    back = grace.post(address, {"action": "send", "item": ["challenge:explain"], "columns": "on"}).content.decode()
    token, there = re.search(r'name="JWT" value="([^"]+)"', back), FORM.search(back)
    assert token and there and html.unescape(there[1]).startswith(open_edx)
    kept = HTTP.post(html.unescape(there[1]), data={"JWT": token[1]})
    assert kept.status_code == 200, kept.text
    (item,) = shown(open_edx)["items"]
    assert item["custom"] == {"gradus_path": "/challenges/explain/"} and item["lineItem"]["scoreMaximum"] == 10
    assert launch(ada, open_edx, "ada")["Location"] == "/challenges/explain/"

    # The roster brings who has never come.
    assert rosters.run() == 1
    context = Context.objects.get()
    assert context.roster_fault == "" and context.roster_found["all"] == 3 and context.roster_found["new"] == 1
    people = Link.objects.values_list("user__memberships__last_name", "user__memberships__learner_data")
    assert sorted(people) == [("Ada", "none"), ("Bob", "none"), ("Grace", "editor")]

    _grade_arrives(open_edx, of_class)


def _grade_arrives(open_edx: str, of_class: Class) -> None:
    teacher = of_class.members.get(learner_data="editor").user
    member = of_class.members.get(last_name="Ada")
    challenge = of_class.course.challenges.get(slug="explain")
    gradebook.override([member], challenge, value="7.5", reason="By hand", by=teacher)
    sending.run()
    (sent,) = Delivery.objects.all()
    assert (sent.state, sent.fault) == (Delivery.State.DELIVERED, "")
    assert shown(open_edx)["scores"] == {"ada": 7.5}
