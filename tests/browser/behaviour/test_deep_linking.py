"""A teacher picks pages from inside a frame of the platform, which is another site, and grades go back there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.lti import sending, services
from gradus.lti.deep_linking import DEEP, LINK
from tests import factories
from tests.browser.conftest import Visit, Work
from tests.browser.driver.seen import look_all_over
from tests.lti.platform import TEACHER, Moodle, web_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SENT_ON = """<body onload="document.forms[0].submit()"><form method="post" action="{to}">
<input name="id_token" value="{token}"><input name="state" value="{state}"><button>Go on</button></form>"""
LEARNER_HINT = "8"
AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/"


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    with HTTPServer(host="localhost") as server:
        yield server


@pytest.fixture
def answers() -> list[dict[str, Any]]:
    """What the platform was sent."""
    return []


@pytest.fixture
def moodle(elsewhere: HTTPServer, address: str, settings: Any, answers: list[dict[str, Any]]) -> Moodle:
    """The platform, one of whose pages has the pick in a frame, as its own form for new links does."""
    settings.LTI_PRIVATE_HOSTS = ["localhost"]
    made = Moodle(issuer=elsewhere.url_for("").rstrip("/"))
    begin = f"iss={made.issuer}&login_hint=7&target_link_uri={address}/lti/pick".replace("&", "&amp;")
    frame = f"<title>New link</title><iframe title=Gradus width=100% height=700 src='{address}/lti/login?{begin}'>"
    elsewhere.expect_request("/new").respond_with_data(frame, content_type="text/html")
    elsewhere.expect_request("/keys").respond_with_json({"keys": [web_key("first")]})

    def answer(request: Request) -> Response:
        if request.args["login_hint"] == LEARNER_HINT:
            return signed(request, made.token(request.args["nonce"], **a_link(answers, made.issuer, address)))
        settings = {
            "deep_link_return_url": f"{made.issuer}/return",
            "accept_types": [LINK],
            "accept_presentation_document_targets": ["iframe", "window"],
            "accept_multiple": True,
            "data": "of this link",
        }
        claims = {"message_type": "LtiDeepLinkingRequest", "resource_link": None, "roles": [TEACHER]}
        claims |= {"target_link_uri": f"{address}/lti/pick", f"{DEEP}deep_linking_settings": settings}
        return signed(request, made.token(request.args["nonce"], **claims))

    def take(request: Request) -> Response:
        answers.append(jwt.decode(request.form["JWT"], options={"verify_signature": False}))
        return Response("<h1>The links are in the course</h1>", content_type="text/html")

    elsewhere.expect_request("/auth").respond_with_handler(answer)
    elsewhere.expect_request("/return", method="POST").respond_with_handler(take)
    return made


@pytest.fixture
def teacher_at(course: Course, grace: User, moodle: Moodle, address: str, expected_complaints: list[str]) -> str:
    """Where a teacher of a course of the platform, which is a class here, begins to pick in a window of its own."""
    expected_complaints += ["favicon.ico"]
    platform = services.add(by=grace, **moodle.form)
    deployment = platform.deployments.create(deployment_id="1")
    services.approve(deployment, by=grace)
    deployment.contexts.create(context_id="course-7", of_class=factories.a_class(course, title="Autumn 2026"))
    return f"{address}/lti/login?iss={moodle.issuer}&login_hint=7&target_link_uri={address}/lti/pick"


def signed(request: Request, token: str) -> Response:
    """The page of the platform that sends its message to this site."""
    text = SENT_ON.format(to=request.args["redirect_uri"], token=token, state=request.args["state"])
    return Response(text, content_type="text/html")


def a_link(answers: list[dict[str, Any]], issuer: str, address: str) -> dict[str, Any]:
    """The claims with which a learner follows the link that the teacher has picked, which has a column for grades."""
    (link,) = answers[0][f"{DEEP}content_items"]
    scopes = [f"{sending.AGS}score", f"{sending.AGS}result.readonly"]
    grades = {"scope": scopes, "lineitem": f"{issuer}/items/1"}
    return {"target_link_uri": address, "custom": link["custom"], f"{AGS_CLAIM}endpoint": grades}


def keep_grades(elsewhere: HTTPServer) -> list[dict[str, Any]]:
    """The gradebook of the platform: one column, and a page that shows it. Returns what arrives."""
    scores: list[dict[str, Any]] = []

    def score(request: Request) -> Response:
        scores.append(json.loads(request.data))
        return Response("{}", content_type="application/json")

    def shown(_request: Request) -> Response:
        cells = "".join(f"<td>{one['scoreGiven']:g} of {one['scoreMaximum']:g}</td>" for one in scores)
        return Response(f"<title>Grades</title><table><tr>{cells}</tr></table>", content_type="text/html")

    elsewhere.expect_request("/token", method="POST").respond_with_json({"access_token": "t", "expires_in": 3600})
    elsewhere.expect_request("/items/1/scores", method="POST").respond_with_handler(score)
    elsewhere.expect_request("/grades").respond_with_handler(shown)
    return scores


def test_from_the_pick_to_the_grade(
    teacher_at: str, moodle: Moodle, address: str, elsewhere: HTTPServer, visit: Visit, work: Work
) -> None:
    """The teacher picks a challenge, a learner follows the link and passes, and the platform shows the grade."""
    scores = keep_grades(elsewhere)
    teacher = visit()
    teacher.goto(teacher_at)
    teacher.get_by_label("Sea or sky").check()
    teacher.get_by_role("button", name="Add the chosen pages").click()
    expect(teacher.get_by_role("heading", level=1)).to_have_text("The links are in the course")

    learner = visit()
    learner.goto(f"{address}/lti/login?iss={moodle.issuer}&login_hint={LEARNER_HINT}&target_link_uri={address}")
    learner.wait_for_url("**/challenges/sea-or-sky/")
    learner.locator(".cm-content").first.click()
    learner.keyboard.insert_text("Sea or sky?")
    learner.get_by_role("button", name="Submit").click()
    learner.wait_for_url("**/submissions/**")
    assert work("grade")
    expect(learner.locator(".score-value").first).to_have_text("1.00")

    assert sending.run() == 1 and len(scores) == 1
    teacher.goto(f"{moodle.issuer}/grades")
    expect(teacher.get_by_role("cell")).to_have_text("10 of 10")


@pytest.mark.parametrize("script", [True, False])
def test_a_teacher_picks_in_the_platform_s_frame(
    teacher_at: str, moodle: Moodle, address: str, answers: list[dict[str, Any]], visit: Visit, script: bool
) -> None:
    page = visit(viewport={"width": 360, "height": 800}) if script else visit(java_script_enabled=False)
    page.goto(f"{moodle.issuer}/new")
    frame = page.frame_locator("iframe")
    if not script:
        frame.get_by_role("button").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("Choose pages for your course")
    (cookie,) = [one for one in page.context.cookies(f"{address}/lti/") if one["name"] == "gradus_launch"]
    assert cookie["sameSite"] == "None" and cookie["secure"] and "localhost" in cookie.get("partitionKey", "")
    frame.get_by_label("Sea or sky").check()
    frame.get_by_label("Search").fill("no page has these")
    frame.get_by_role("button", name="Show").click()
    # What is chosen stays, and all else is gone.
    expect(frame.get_by_role("checkbox")).to_have_count(2)
    expect(frame.get_by_label("Sea or sky")).to_be_checked()
    if script:
        inside = page.frames[1]
        assert inside.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frame.get_by_role("button", name="Add the chosen pages").click()
    if not script:
        frame.get_by_role("button", name="Go on to Moodle").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text("The links are in the course")
    ((link,),) = [one[f"{DEEP}content_items"] for one in answers]
    assert link["custom"] == {"gradus_path": "/challenges/sea-or-sky/"} and link["lineItem"]["scoreMaximum"] == 10
    assert answers[0][f"{DEEP}data"] == "of this link"


def test_the_pick_in_a_window_of_its_own(teacher_at: str, visit: Visit, axe: Axe) -> None:
    page = visit(reduced_motion="reduce")
    page.goto(teacher_at)
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose pages for your course")
    look_all_over(page, axe)
