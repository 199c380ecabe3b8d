"""A learner comes from a platform on another site, in a new window and out of a frame; an operator lets it happen.

`localhost` and `127.0.0.1` are two sites to a browser, which treats cookies as between any platform and this site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.lti import services
from tests import factories
from tests.browser.conftest import Visit
from tests.lti.platform import Moodle, web_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SENT_ON = """<body onload="document.forms[0].submit()"><form method="post" action="{to}">
<input name="id_token" value="{token}"><input name="state" value="{state}"></form>"""


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    with HTTPServer(host="localhost") as server:
        yield server


@pytest.fixture
def moodle(elsewhere: HTTPServer, address: str, settings: Any) -> Moodle:
    """The platform, whose page has a link to this site, and whose other page has it in a frame."""
    settings.LTI_PRIVATE_HOSTS = ["localhost"]
    made = Moodle(issuer=elsewhere.url_for("").rstrip("/"))
    begin = {"iss": made.issuer, "login_hint": "7", "target_link_uri": address}
    link = f"{address}/lti/login?{urlencode(begin)}".replace("&", "&amp;")
    pages = {"/course": f"<a href='{link}'>Sea or sky</a>", "/frame": f"<iframe width=600 height=400 src='{link}'>"}
    for path, text in pages.items():
        elsewhere.expect_request(path).respond_with_data(text, content_type="text/html")
    elsewhere.expect_request("/keys").respond_with_json({"keys": [web_key("first")]})

    def answer(request: Request) -> Response:
        asked = request.args
        token = made.token(asked["nonce"], target_link_uri=f"{address}/challenges/sea-or-sky/")
        text = SENT_ON.format(to=asked["redirect_uri"], token=token, state=asked["state"])
        return Response(text, content_type="text/html")

    elsewhere.expect_request("/auth").respond_with_handler(answer)
    return made


def in_new_window(page: Page, press: Callable[[], None]) -> Page:
    with page.expect_popup() as opened:
        press()
    return opened.value


def test_an_operator_lets_a_learner_come(
    course: Course, grace: User, moodle: Moodle, visit: Visit, expected_complaints: list[str]
) -> None:
    expected_complaints += ["a status of 403", "a status of 409", "favicon.ico"]
    of_class = factories.a_class(course, title="Autumn 2026")
    services.add(by=grace, **moodle.form)
    learner, staff = visit(), visit(grace)
    course_there = f"{moodle.issuer}/course"
    for heading in ("deployment 1 of Moodle is not approved", "has no class here yet"):
        learner.goto(course_there)
        learner.get_by_role("link", name="Sea or sky").click()
        expect(learner.get_by_role("heading", level=1)).to_have_text(
            "The launch from your learning platform was refused"
        )
        expect(learner.get_by_text(heading)).to_be_visible()
        staff.goto("/teach/")
        staff.get_by_role("link", name="The platforms, and a new one").click()
        staff.get_by_role("link", name="Moodle", exact=True).click()
        if "approved" in heading:
            staff.get_by_role("button", name="Approve 1").click()
        else:
            staff.get_by_label("Class").select_option(label=f"Autumn 2026 · {course.title}")
            staff.get_by_role("button", name="Save Models of language").click()
        expect(staff.get_by_role("status").first).to_be_visible()
    learner.goto(course_there)
    learner.get_by_role("link", name="Sea or sky").click()
    learner.wait_for_url("**/challenges/sea-or-sky/")
    member = of_class.members.get()
    assert (member.first_name, member.learner_data) == ("Ada", "none")
    # Out of a frame, another browser comes in as the same person.
    other = visit()
    other.goto(f"{moodle.issuer}/frame")
    button = other.frame_locator("iframe").get_by_role("link", name="Open Gradus in a new window")
    opened = in_new_window(other, button.click)
    opened.wait_for_url("**/challenges/sea-or-sky/")
    assert of_class.members.get() == member
