"""Who may open a course that is unlisted or for classes only, asked of every page and call that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.classes import visibility
from gradus.classes.models import Class
from gradus.courses import catalogue, listing
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.refusal import Refused
from tests import example_course, factories
from tests.api.conftest import Caller
from tests.challenges.factory import write_course
from tests.conftest import logged_in
from tests.learn import scene
from tests.security.routes import OPEN, path

Listing = Course.Listing
SLUGS = ("challenges", "lessons", "courses", "leaderboards")
# What a route of each kind names in the two courses: the scene, and one whose challenges ask documents.
NAMED = {"name": "few-shot", "finding": "few-shot", "question": "water"}
SCENE: dict[str, dict[str, Any]] = {
    "challenges": {"slug": "sea-or-sky", "id": "sea-or-sky"},
    "lessons": {"slug": "first", "id": "first", **NAMED},
    "courses": {"slug": "tiny", "id": "tiny"},
    "leaderboards": {"slug": "sea-or-sky", "id": "sea-or-sky"},
}
DOCUMENTS = ("documents", "documents.jsonl", "updates.jsonl")
NOTHING = {"slug": "nothing", "id": "nothing", "name": "nothing", "finding": "nothing", "question": "nothing"}
LISTS = ("/", "/path/", "/leaderboards/", "/api/v1/courses")
STRANGERS = ("visitor", "guest", "learner", "member elsewhere", "left", "teacher elsewhere", "author elsewhere")
NEAR = ("member", "tutor", "previewer", "viewer of answers", "owner", "staff")
# What stands in every page of the course, and in no page that does not show it.
TITLE = "Only-For-Zanzibar"


def routes_of(kind: str) -> Iterator[str]:
    """The routes that name a course, a lesson, a challenge or a board, and that a learner opens."""
    return (one for one in sorted(OPEN) if one.removeprefix("api/v1/").startswith(f"{kind}/<"))


def addresses(names: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {route: path(route, names[kind]) for kind in SLUGS for route in routes_of(kind)}


def documents() -> dict[str, str]:
    named = {"slug": "ask-the-library", "id": "ask-the-library"}
    return {one: path(one, named) for one in routes_of("challenges") if any(part in one for part in DOCUMENTS)}


@pytest.fixture
def course(db: None, tmp_path: Path) -> Course:
    found = scene.scene_course(tmp_path / "scene")
    Course.objects.filter(pk=found.pk).update(title=TITLE)
    return Course.objects.get(pk=found.pk)


@pytest.fixture
def elsewhere(course: Course, tmp_path: Path) -> Course:
    return publish(read_course(write_course(tmp_path / "other", id="other")))


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)


@pytest.fixture
def people(
    course: Course, elsewhere: Course, evening: Class, guest: User, ada: User, bob: User, grace: User
) -> dict[str, User | None]:
    made = {
        name: factories.UserFactory.create(username=name.replace(" ", "-")) for name in (*STRANGERS[3:], *NEAR[:-1])
    }
    other = factories.a_class(elsewhere)
    factories.member(other, made["member elsewhere"])
    factories.member(other, made["teacher elsewhere"], learner_data=LearnerData.EDITOR)
    factories.member(evening, made["left"], state="left", left_at=timezone.now())
    factories.enrol(made["author elsewhere"], elsewhere, Scope(Content.OWNER, LearnerData.EDITOR))
    factories.enrol(made["left"], course)
    factories.member(evening, made["member"])
    factories.member(evening, made["tutor"], learner_data=LearnerData.VIEWER)
    factories.enrol(made["previewer"], course, Scope(Content.PREVIEWER))
    factories.enrol(made["viewer of answers"], course, Scope(learner_data=LearnerData.VIEWER))
    factories.enrol(made["owner"], course, Scope(Content.OWNER))
    return {"visitor": None, "guest": guest, "learner": bob, "staff": grace, **made}


@pytest.fixture
def clients(people: dict[str, User | None], guest_client: Client) -> dict[str, Client]:
    own = {name: logged_in(user) for name, user in people.items() if user and not user.is_guest}
    found = {"visitor": Client(), "guest": guest_client, **own}
    for client in found.values():
        client.raise_request_exception = False
    return found


def put(course: Course, chosen: Listing) -> None:
    Course.objects.filter(pk=course.pk).update(listing=chosen)


def statuses(client: Client, asked: dict[str, str]) -> dict[str, int]:
    return {route: client.get(address).status_code for route, address in asked.items()}


def test_the_routes_are_there() -> None:
    found = [route for kind in SLUGS for route in routes_of(kind)]
    assert len(found) >= 60 and "api/v1/lessons/<slug:id>/demo" in found
    assert len(documents()) >= 4


def test_the_two_conditions_say_what_the_table_says(course: Course, people: dict[str, User | None]) -> None:
    """(listing x who) x (opens, finds); whoever finds a course may open it."""
    for chosen in Listing:
        put(course, chosen)
        for name, user in people.items():
            near = name in NEAR
            opens = Course.objects.filter(visibility.opens(user), pk=course.pk).exists()
            finds = Course.objects.filter(visibility.finds(user), pk=course.pk).exists()
            assert opens == (near or chosen != Listing.CLASSES), (chosen, name)
            assert finds == (near or chosen == Listing.LISTED), (chosen, name)
            assert opens or not finds


@pytest.mark.parametrize(
    "name", ["left", *(pytest.param(one, marks=pytest.mark.slow) for one in ("visitor", "guest", "author elsewhere"))]
)
def test_a_course_for_classes_is_not_there_for_strangers(
    name: str, course: Course, clients: dict[str, Client], people: dict[str, User | None], tmp_path: Path
) -> None:
    """Every page and call, by every method, answers as if there were no such course."""
    examples = publish(read_course(example_course.write_course(tmp_path / "examples")))
    for one in (course, examples):
        put(one, Listing.CLASSES)
    client, nothing = clients[name], addresses(dict.fromkeys(SLUGS, NOTHING))
    user = people[name]
    token = {}
    if user is not None and not user.is_guest:
        token = {"headers": {"Authorization": f"Bearer {ApiToken.issue(user, 'tests')[1]}"}}
    for route, address in [*addresses(SCENE).items(), *documents().items()]:
        ways: list[dict[str, Any]] = [{}]
        if route.startswith("api/") and token:
            # The quick one calls by its token alone, the slow one by its session, too.
            ways = [token] if name == "left" else [{}, token]
        for more in ways:
            # A page knows no other method than these.
            for method in ("get", "post", "put", "delete") if route.startswith("api/") else ("get", "put"):
                given = {"data": {"text": "A gull", "kind": "prompt"}, "content_type": "application/json"}
                sent = {**({} if method == "get" else given), **more}
                answer = getattr(client, method)(address, **sent)
                like = getattr(client, method)(nothing[route], **sent)
                assert answer.status_code == like.status_code, (route, method, answer.status_code)
                assert answer.status_code >= 400, (route, method)
                assert TITLE.encode() not in answer.content
        form = client.post(address, {"text": "A gull"})
        assert form.status_code == client.post(nothing[route], {"text": "A gull"}).status_code, route
    for page in LISTS:
        assert TITLE.encode() not in client.get(page).content, page


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        (Listing.CLASSES, "member"),
        pytest.param(Listing.CLASSES, "owner", marks=pytest.mark.slow),
        pytest.param(Listing.UNLISTED, "visitor", marks=pytest.mark.slow),
        pytest.param(Listing.UNLISTED, "member", marks=pytest.mark.slow),
    ],
)
def test_whoever_may_open_it_sees_what_a_listed_course_shows(
    chosen: Listing, name: str, course: Course, clients: dict[str, Client]
) -> None:
    asked = addresses(SCENE)
    before = statuses(clients[name], asked)
    assert {404} != set(before.values())
    put(course, chosen)
    assert statuses(clients[name], asked) == before


def test_lists_show_a_course_to_those_who_find_it(course: Course, clients: dict[str, Client]) -> None:
    for chosen in Listing:
        put(course, chosen)
        # One of each kind: the test of the two conditions asks for everybody.
        for name, client in ((one, clients[one]) for one in ("visitor", "guest", "left", "member", "previewer")):
            finds = name in NEAR or chosen == Listing.LISTED
            for page in LISTS:
                # The list of leaderboards, and the front page of newcomers, name challenges and lessons.
                said = client.get(page).content.decode()
                assert any(word in said for word in (TITLE, "/sea-or-sky", "/lessons/first/")) == finds, (
                    chosen,
                    name,
                    page,
                )


def test_who_has_begun_an_unlisted_course_finds_it_again(
    course: Course, ada: User, ada_client: Client, bob_client: Client
) -> None:
    factories.submit(ada)
    put(course, Listing.UNLISTED)
    assert TITLE in ada_client.get("/path/").content.decode()
    assert TITLE not in bob_client.get("/path/").content.decode()
    put(course, Listing.CLASSES)
    assert TITLE not in ada_client.get("/path/").content.decode()


def test_own_work_stays_readable(course: Course, ada: User, ada_client: Client, ada_api: Caller) -> None:
    made = factories.submit(ada)
    factories.grade(made, 0.7)
    put(course, Listing.CLASSES)
    for page in (f"/submissions/{made.uuid}/", f"/api/v1/submissions/{made.uuid}", f"/submissions/{made.uuid}/receipt"):
        assert ada_client.get(page).status_code == 200, page
    assert str(made.uuid) in ada_client.get("/profile/my-data.json").getvalue().decode()
    assert [one["uuid"] for one in ada_api.get("/submissions").json()] == [str(made.uuid)]
    assert ada_api.post("/challenges/sea-or-sky/submissions", factories.PROMPT).status_code == 404
    assert ada_api.post("/challenges/sea-or-sky/runs", factories.PROMPT).status_code == 404


def test_search_engines_are_asked_to_leave_it_out(course: Course, client: Client) -> None:
    pages = ("/courses/tiny/", "/lessons/first/", "/challenges/sea-or-sky/", "/leaderboards/sea-or-sky/")
    for chosen, expected in ((Listing.LISTED, None), (Listing.UNLISTED, "noindex")):
        put(course, chosen)
        assert [client.get(page).headers.get("X-Robots-Tag") for page in pages] == [expected] * len(pages)


def test_a_member_who_leaves_finds_the_door_shut(course: Course, evening: Class, ada: User, ada_client: Client) -> None:
    factories.member(evening, ada)
    put(course, Listing.CLASSES)
    assert "members of its classes" in ada_client.get("/courses/tiny/").content.decode()
    left = ada_client.post(f"/classes/{evening.pk}/leave", follow=True)
    assert left.redirect_chain == [("/", 302)] and left.status_code == 200
    assert ada_client.get("/courses/tiny/").status_code == 404


def test_a_code_of_a_class_opens_the_course(course: Course, evening: Class, bob_client: Client, grace: User) -> None:
    put(course, Listing.CLASSES)
    made = Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1])
    code = made.client.put(
        f"/api/v1/classes/{evening.pk}/code",
        {"until": "2030-12-01T12:00:00Z"},
        content_type="application/json",
        headers=made.headers,
    ).json()["join_code"]
    assert bob_client.get("/courses/tiny/").status_code == 404
    assert bob_client.post(f"/join/{code}/", follow=True).redirect_chain == [("/courses/tiny/", 302)]
    assert bob_client.get("/courses/tiny/").status_code == 200


def test_a_teacher_looks_as_a_learner_of_the_class(
    course: Course, evening: Class, people: dict[str, User | None], clients: dict[str, Client]
) -> None:
    put(course, Listing.CLASSES)
    evening.labels.create(name="Morning")
    label = evening.labels.get()
    answer = clients["tutor"].post(f"/teach/classes/{evening.pk}/view-as/", {"who": f"label-{label.pk}", "at": ""})
    assert answer.status_code == 302
    assert TITLE in clients["tutor"].get("/courses/tiny/").content.decode()


def test_owners_decide_on_the_page_and_over_the_api_and_it_is_noted(
    course: Course, people: dict[str, User | None], clients: dict[str, Client]
) -> None:
    owner = clients["owner"]
    assert "Who may open the course" in owner.get("/teach/courses/tiny/").content.decode()
    assert "Save who may open it" not in clients["previewer"].get("/teach/courses/tiny/").content.decode()
    assert owner.post("/teach/courses/tiny/listing", {"listing": "classes"}).status_code == 302
    assert catalogue.live().course("tiny").listing == "classes"
    assert clients["visitor"].get("/courses/tiny/").status_code == 404
    assert owner.post("/teach/courses/tiny/listing", {"listing": "secret"}).status_code == 302
    user = people["owner"]
    assert user is not None
    api = Caller(ApiToken.issue(user, "tests", Scope(Content.OWNER))[1])
    assert api.get("/courses/tiny/listing").json() == {"id": "tiny", "listing": "classes", "is_published": True}
    sent: dict[str, Any] = {"content_type": "application/json", "headers": api.headers}
    assert api.client.put("/api/v1/courses/tiny/listing", {"listing": "nobody"}, **sent).status_code == 422
    assert (
        api.client.put("/api/v1/courses/tiny/listing", {"listing": "unlisted"}, **sent).json()["listing"] == "unlisted"
    )
    noted = StaffAction.objects.filter(what=StaffAction.What.COURSE_CHANGED, details__has_key="listing")
    assert [(one.user_id, one.via, one.details) for one in noted.order_by("pk")] == [
        (user.pk, "page", {"listing": "classes"}),
        (user.pk, "api", {"listing": "unlisted"}),
    ]
    for name in ("previewer", "viewer of answers"):
        assert clients[name].post("/teach/courses/tiny/listing", {"listing": "listed"}).status_code == 403
        with pytest.raises(Refused):
            listing.change(course, Listing.LISTED, by=people[name])  # type: ignore[arg-type]
    assert clients["learner"].post("/teach/courses/tiny/listing", {"listing": "listed"}).status_code == 404
    assert Course.objects.get(pk=course.pk).listing == "unlisted"
