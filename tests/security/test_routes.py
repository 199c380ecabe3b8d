"""Every route with another person's object: nobody sees or changes what is not theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, Enrolment, User
from gradus.accounts.token_rules import Content, Scope
from gradus.chats import services as chats
from gradus.classes.models import Announcement, Class, Member
from gradus.courses.models import Calibration, Course, CourseVersion, Upload
from gradus.courses.services import publish
from gradus.laboratory import services as laboratory
from gradus.learn.demo import retriever
from gradus.learn.demo.demo import DEMO
from gradus.lti.models import Deployment, Platform
from gradus.reviews import services as reviews
from gradus.reviews.models import Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Submission
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import example_course, factories
from tests.challenges.factory import write_course
from tests.conftest import logged_in
from tests.learn import scene
from tests.security.routes import (
    EDITORS,
    KNOWN,
    LIBRARIES,
    LISTS_OF_REVIEWERS,
    OPEN,
    OPERATORS,
    PEOPLE,
    PRIVATE,
    REVIEWERS,
    path,
    routes,
)

SCRIPT = re.compile(r"<script\b[^>]*>", re.I)
HANDLER = re.compile(r"<[^<>]*\s(?:on[a-z]+|hx-on[^=\s]*)\s*=", re.I)
NEVER = "00000000-0000-4000-8000-000000000000"
NOTHING = {
    **dict.fromkeys(("uuid", "zero", "few", "tuned", "words", "vectors", "both"), NEVER),
    "pk": 999_999,
    "id": 999_999,
    "grant": 999_999,
    "entry": 999_999,
    "mark": 999_999,
    "slug": "nothing",
}
CANARY = "zanzibar-canary"
GONE = (301, 302, 401, 403, 404, 405)
EVERYBODY = 4


@dataclass(frozen=True)
class Things:
    """Ada's, by what a route calls them."""

    submission: Submission
    names: dict[str, dict[str, Any]]

    def of(self, route: str) -> dict[str, Any]:
        found = dict(self.names["any"])
        for part, names in self.names.items():
            if part in route:
                found |= names
        return found


@pytest.fixture
def course(db: None, tmp_path) -> Course:
    return scene.scene_course(tmp_path / "scene")


@pytest.fixture
def things(ada: User, course: Course, tmp_path) -> Things:
    prompt = factories.submit(ada, payload={**factories.PROMPT, "instructions": CANARY})
    factories.grade(prompt, 0.7)
    name = factories.adapter_zip(CANARY.encode())
    Evaluation.objects.filter(pk=prompt.current.pk).update(artifact=name)
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, {"kind": "prompt", "instructions": CANARY})
    demos = DEMO.start(course.lessons.get(), ada, CANARY)
    trained = factories.trained(ada)
    message = chats.send(trained, CANARY, "plain")
    words = f"Because the weights keep old facts, whereas a look-up reads {CANARY}."
    answer = factories.submit(ada, "explain", {"kind": "free_text", "answer": words})
    factories.grade(answer, 0.65, provisional=True, review=("provisional",), result={"marks": []})
    regrade = reviews.start_regrade(
        factories.challenge("explain"), by=factories.UserFactory.create(is_staff=True), note=CANARY
    )
    token, _ = ApiToken.issue(ada, CANARY)
    upload = Upload.objects.create(
        user=ada, course_slug=course.slug, bytes=9, sha256="a" * 64, slot=1, expires_at=timezone.now() + timedelta(1)
    )
    pushed = CourseVersion.objects.create(course=course, version="9.0.0", digest="b" * 64, note=CANARY)
    dot = laboratory.begin(ada, course.lessons.get(), "few-shot", "a" * 64, 5)
    laboratory.count(dot, {})
    publish(read_course(example_course.write_course(tmp_path / "examples")))
    role = factories.enrol(ada, course, Scope(Content.PREVIEWER))
    owner = factories.UserFactory.create(is_staff=True)
    invited = people.invite(
        course, by=owner, email="lena@example.org", scope=Scope(Content.VIEWER), site="/"
    ).invitation
    library = factories.challenge("ask-the-library").version
    search = services.start_run(ada, library, {"kind": "rag"}, purpose="demo", inputs=[CANARY], label="words")
    searched = {"slug": "examples", **dict.fromkeys(("uuid", *retriever.TITLES), search.uuid)}
    uuids = dict(zip(("zero", "few", "tuned"), (one.uuid for one in demos), strict=True))
    calibration = Calibration.objects.first()
    of_class = factories.a_class(course, title=CANARY)
    member = factories.member(of_class, ada, labels=["Section 1"])
    announcement = Announcement.objects.create(of_class=of_class, title=CANARY, text=CANARY)
    mark = ada.marks_on_boards.create(challenge=prompt.challenge, kind="flag", reason=CANARY)
    granted = member.grants.create(challenge=factories.challenge("sea-or-sky"), attempts=1, reason=CANARY)
    addresses = dict.fromkeys(("auth_url", "token_url", "keys_url"), "https://platform.example.org/")
    platform = Platform.objects.create(title=CANARY, issuer="https://platform.example.org", client_id="1", **addresses)
    deployment = platform.deployments.create(deployment_id=CANARY)
    context = deployment.contexts.create(context_id=CANARY)
    return Things(
        prompt,
        {
            "any": {"slug": "sea-or-sky", "id": "sea-or-sky", "uuid": prompt.uuid, "path": "nothing"},
            "courses/": {"slug": course.slug, "id": course.slug, "challenge": "sea-or-sky"},
            "lessons/": {"slug": "first", "id": "first", "name": "few-shot", "finding": "few-shot"},
            "contributions/": {"pk": dot.pk},
            "runs/": {"uuid": run.uuid},
            "questions/": {"name": "water", "question": "water"},
            "retriever": searched,
            **{f"submissions/<{kind}:uuid>/chat": {"uuid": trained.uuid} for kind in ("uuid", "uuidstr")},
            **{f"runs/<{kind}:uuid>/chat": {"uuid": message.run.uuid} for kind in ("uuid", "uuidstr")},
            "uploads/": {"uuid": upload.uuid, "offset": 0},
            "demo/": {"uuid": demos[0].uuid, **uuids},
            "tokens/": {"pk": token.pk},
            "verification/": {"pk": pushed.pk},
            "people/": {"pk": role.pk, "person": role.pk},
            "api/v1/boards/": {"entry": ada.pk, "mark": mark.pk},
            "teach/boards/": {"person": ada.pk, "own": prompt.pk, "other": factories.submit(owner).pk},
            "invitations": {"pk": invited.pk, "invitation": invited.pk},
            "reviews/": {"pk": Review.objects.get().pk, "id": Review.objects.get().pk, "slug": "explain"},
            "/gold": {"slug": "explain"},
            "calibration/": {"pk": calibration.pk if calibration else 1},
            "classes/": {"pk": of_class.pk, "id": of_class.pk},
            "members/": {"member": member.pk},
            "dates/": {"key": "course"},
            "grants/": {"grant": granted.pk},
            "grades/": {"member": member.pk, "format": "wide"},
            "announcements/": {"key": announcement.pk, "announcement": announcement.pk},
            "labels/": {"label": of_class.labels.get().pk},
            "regrades/": {"pk": regrade.pk, "id": regrade.pk},
            "challenges/<slug:id>/": {"id": "explain"},
            "platforms/": {"pk": platform.pk, "deployment": deployment.pk, "context": context.pk},
        },
    )


@pytest.fixture
def teacher(db: None, tmp_path) -> User:
    """Teaches another course."""
    folder = write_course(tmp_path / "other", id="other")
    for file in folder.rglob("*.yaml"):
        text = file.read_text()
        for slug in ("sea-or-sky", "ticket", "explain"):
            text = text.replace(f"id: {slug}\n", f"id: other-{slug}\n").replace(f"- {slug}\n", f"- other-{slug}\n")
        file.write_text(text.replace("- first\n", "- other-first\n"))
    for slug in ("sea-or-sky", "ticket", "explain"):
        (folder / "first" / slug).rename(folder / "first" / f"other-{slug}")
    (folder / "first").rename(folder / "other-first")
    other = publish(read_course(folder))
    user = factories.UserFactory.create(username="teacher")
    factories.enrol(user, other, factories.TEACHER)
    return user


@pytest.fixture(params=["fewest and most rights", pytest.param("everybody", marks=pytest.mark.slow)])
def strangers(request: pytest.FixtureRequest, bob: User, guest_client: Client, teacher: User) -> dict[str, Client]:
    """Nobody, and a learner who teaches elsewhere; a learner and a guest may nothing that these may not."""
    found = {"nobody": Client(), "teacher": logged_in(teacher)}
    if request.param == "everybody":
        found |= {"bob": logged_in(bob), "guest": guest_client}
    for client in found.values():
        client.raise_request_exception = False
    return found


# What the calls need to get past their own checks.
BODY = {"marks": {}, "role": "test", "note": "", "lower": True, "text": "Please look again.", "reason": "again"}


def answers(client: Client, address: str, *, every: bool) -> Iterator[tuple[str, Any]]:
    """Each method, the form's way and the API's. Unless `every` is asked, a page is sent forms only, a call JSON."""
    is_call = address.startswith("/api/")
    yield "get", client.get(address)
    if every or not is_call:
        yield "form", client.post(address, BODY)
    for method in ("post", "put", "delete") if every or is_call else ():
        yield method, getattr(client, method)(address, BODY, content_type="application/json")


def test_every_route_is_known() -> None:
    found = {route for route in routes() if not route.startswith(LIBRARIES)}
    own = {route for route in KNOWN if not route.startswith(LIBRARIES)}
    assert found == own, f"say in tests/security/routes.py what this is to a stranger: {found ^ own}"


def test_what_is_somebody_elses_is_not_there(things: Things, strangers: dict[str, Client]) -> None:
    before, every = state(), len(strangers) == EVERYBODY
    wrong = []
    for route in sorted(PRIVATE | EDITORS | PEOPLE | REVIEWERS | OPERATORS):
        for who, client in strangers.items():
            absent: dict[str, int] = {}
            for method, response in answers(client, path(route, things.of(route)), every=every):
                gone = response.status_code in GONE
                if not gone:
                    # What cannot be read is refused before anybody looks for the object: as for one that never was.
                    never = answers(client, path(route, NOTHING), every=every)
                    absent = absent or {one: other.status_code for one, other in never}
                    gone = response.status_code == absent[method] < 500
                if not gone or response.status_code < 300 or CANARY.encode() in response.getvalue():
                    wrong.append((route, who, method, response.status_code))
    assert not wrong
    assert state() == before


def test_the_owner_does_see_it(things: Things, ada: User, grace_client: Client) -> None:
    """Else the test above would pass for addresses that do not exist."""
    client, gone = logged_in(ada), []
    # Only an attempt of the kind `evaluate` has a test set: tests/kinds/test_evaluate.py asks for it.
    left_out = {r for r in PRIVATE if "webauthn" in r or "events" in r or "test-set" in r}
    for route in sorted(PRIVATE - left_out):
        address = path(route, things.of(route))
        seen = client.get(address)
        seen.getvalue()
        for close in seen._resource_closers:
            close()
        if seen.status_code == 404:
            gone.append(route)
    for route in sorted((EDITORS | PEOPLE | REVIEWERS | OPERATORS) - {"reviews/calibration/<int:pk>/"}):
        if grace_client.get(path(route, things.of(route))).status_code == 404:
            gone.append(route)
    assert not gone


def test_open_pages_hold_nothing_of_another_learner(things: Things, strangers: dict[str, Client]) -> None:
    before, every = state(), len(strangers) == EVERYBODY
    wrong = []
    for route in sorted(OPEN | LISTS_OF_REVIEWERS):
        for who, client in strangers.items():
            for method, response in answers(client, path(route, things.of(route)), every=every):
                if response.status_code >= 500 or CANARY.encode() in response.getvalue():
                    wrong.append((route, who, method, response.status_code))
            if route in LISTS_OF_REVIEWERS and who != "teacher":
                status = client.get(path(route, things.of(route))).status_code
                if status not in GONE:
                    wrong.append((route, who, "get", status))
    compared = f"/challenges/sea-or-sky/compare/?a={things.submission.uuid}&b={things.submission.uuid}"
    wrong += [(compared, who) for who, c in strangers.items() if c.get(compared).status_code != 404]
    assert not wrong
    assert state() == before


def test_the_admin_asks_for_staff_at_every_page(things: Things, strangers: dict[str, Client]) -> None:
    names = {"object_id": things.submission.pk, "id": 1, "app_label": "submissions", "content_type_id": 1, "url": "x"}
    open_pages = {"admin/login/", "admin/logout/"}
    wrong = []
    for route in routes():
        if route.startswith("admin/") and route not in open_pages:
            for who, client in strangers.items():
                response = client.get(path(route, names))
                if response.status_code not in (301, 302, 403, 404) or CANARY.encode() in response.getvalue():
                    wrong.append((route, who, response.status_code))
    assert not wrong


@pytest.mark.parametrize("by_both", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_page_has_a_policy_and_no_script_in_it(
    things: Things, ada: User, grace_client: Client, by_both: bool
) -> None:
    """Opens each page as a learner, or as staff if learners may not open it. With `by_both`, both open each page."""
    wrong, seen, learners = [], 0, PRIVATE | OPEN
    asked = {logged_in(ada): KNOWN if by_both else learners, grace_client: KNOWN if by_both else KNOWN - learners}
    for client, routes_of in asked.items():
        for route in sorted(routes_of):
            if "events" in route or "artifact" in route or route == "metrics":
                continue
            if route.startswith("api/") and route != "api/v1/docs":
                continue
            response = client.get(path(route, things.of(route)))
            if not response.get("Content-Type", "").startswith("text/html"):
                continue
            seen += 1
            policy, text = response.get("Content-Security-Policy", ""), response.content.decode()
            scripts = next((part for part in policy.split(";") if part.strip().startswith("script-src")), "")
            inline = [tag for tag in SCRIPT.findall(text) if "src=" not in tag and "application/json" not in tag]
            if not scripts or "unsafe" in scripts or inline or HANDLER.search(text) or "javascript:" in text:
                wrong.append((route, scripts, inline, HANDLER.findall(text)))
    assert not wrong
    assert seen > 30


def state() -> list[Any]:
    """Ada's things, as rows."""
    ada = User.objects.get(username="ada")
    return [
        list(
            Evaluation.objects.filter(submission__user=ada)
            .order_by("pk")
            .values_list("pk", "state", "cancel_requested")
        ),
        list(Evaluation.objects.filter(run__user=ada).order_by("pk").values_list("pk", "state", "cancel_requested")),
        list(Review.objects.values_list("pk", "decided_at", "blind_at")),
        list(ada.api_tokens.values_list("pk", "revoked_at")),
        list(Upload.objects.values_list("pk", "offset")),
        list(Invitation.objects.values_list("pk", "withdrawn_at")),
        list(Deployment.objects.values_list("pk", "approved_at", "contexts__of_class")),
        list(Platform.objects.values_list("pk", "title", "is_open")),
        list(Class.objects.values_list("pk", "title", "join_code")),
        list(Member.objects.values_list("pk", "user", "state", "labels")),
        list(Enrolment.objects.filter(user=ada).values_list("pk", "content", "learner_data")),
        list(Submission.objects.filter(user=ada).values_list("pk", "payload", "appeals")),
    ]
