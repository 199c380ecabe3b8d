"""Every level against every act: on pages, over the API, with the command line's calls, and in the admin.

The table is written by hand from what the levels mean. `seen` is a role that may not do the act and is told so; who has
no role in the course finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.http import Http404
from django.test import Client

from gradus.accounts import roles
from gradus.accounts.models import ApiToken, Enrolment, User
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.reviews.models import Review
from gradus.teach import people
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases

pytestmark = pytest.mark.django_db
SCOPES = [Scope(*levels) for levels in product(Content, LearnerData)]
MARKS = {"marks": cases.ALL_MET, "reason": "Read twice."}
GONE, REFUSED, DONE = "gone", "refused", "done"


@dataclass(frozen=True)
class World:
    course: Course
    other: Enrolment
    invitation: int
    review: Review


@dataclass(frozen=True)
class Act:
    """`path` may name the things of `World`. `need` is what the role must include, and `body` what is sent."""

    need: Scope
    path: str
    method: str = "get"
    body: Any = None


VIEWS_ANSWERS, DECIDES = Scope(learner_data=LearnerData.VIEWER), Scope(learner_data=LearnerData.EDITOR)
OWNS = Scope(Content.OWNER)
PAGES = {
    "people": Act(OWNS, "/teach/courses/tiny/people/"),
    "invite": Act(
        OWNS,
        "/teach/courses/tiny/people/",
        "post",
        {"email": "sam@example.org", "content": "viewer", "learner_data": "none"},
    ),
    "change": Act(OWNS, "/teach/courses/tiny/people/{role}", "post", {"content": "editor", "learner_data": "none"}),
    "remove": Act(OWNS, "/teach/courses/tiny/people/{role}", "post", {"action": "remove"}),
    "withdraw": Act(OWNS, "/teach/courses/tiny/invitations/{invitation}/withdraw", "post", {}),
}
CALLS = {
    "people": Act(OWNS, "/courses/tiny/people"),
    "invite": Act(
        OWNS,
        "/courses/tiny/invitations",
        "post",
        {"email": "sam@example.org", "content": "viewer", "learner_data": "none"},
    ),
    "change": Act(OWNS, "/courses/tiny/people/{role}", "put", {"content": "editor"}),
    "remove": Act(OWNS, "/courses/tiny/people/{role}", "delete"),
    "withdraw": Act(OWNS, "/courses/tiny/invitations/{invitation}", "delete"),
    "versions": Act(Scope(Content.VIEWER), "/courses/tiny/versions"),
    "pull": Act(Scope(Content.EDITOR), "/courses/tiny/bundle"),
    "publish": Act(Scope(Content.EDITOR), "/courses/tiny/draft/publish", "post", {}),
    "discard": Act(Scope(Content.EDITOR), "/courses/tiny/draft/discard", "post", {}),
    "roll back": Act(Scope(Content.EDITOR), "/courses/tiny/rollback", "post", {"version": "1.0.0", "dry_run": True}),
    "push": Act(Scope(Content.EDITOR), "/courses/tiny/uploads", "post", {"bytes": 3, "sha256": "a" * 64}),
}
# Whoever sees no answers does not find out which there are: all of these are gone for them.
REVIEWS = {
    "list answers": Act(VIEWS_ANSWERS, "/reviews"),
    "read an answer": Act(VIEWS_ANSWERS, "/reviews/{review}"),
    "read gold rows": Act(VIEWS_ANSWERS, "/challenges/explain/gold"),
    "decide": Act(DECIDES, "/reviews/{review}/decision", "post", MARKS),
    "claim": Act(DECIDES, "/reviews/claim", "post", {}),
    "regrade": Act(DECIDES, "/challenges/explain/regrades", "post", {}),
    "choose blind marks": Act(
        Scope(Content.EDITOR, LearnerData.EDITOR), "/challenges/explain/marked-blind", "post", {"blind": True}
    ),
}


@pytest.fixture
def world(course: Course, ada: User, bob: User, grace: User) -> World:
    review = cases.waiting(ada)
    # The last owner stays, so that each act could succeed.
    factories.enrol(factories.UserFactory.create(), course, Scope(Content.OWNER))
    other = factories.enrol(factories.UserFactory.create(), course, Scope(Content.VIEWER))
    made = people.invite(course, by=grace, email="lena@example.org", scope=Scope(Content.VIEWER), site="/").invitation
    return World(course, other, made.pk, review)


def address(act: Act, world: World) -> str:
    return act.path.format(role=world.other.pk, invitation=world.invitation, review=world.review.pk)


def expected(scope: Scope, need: Scope) -> str:
    return DONE if scope.includes(need) else GONE if scope == LEARNER else REFUSED


def outcome(status: int) -> str:
    return {404: GONE, 403: REFUSED}.get(status, DONE)


def each(acts: dict[str, Act]) -> Any:
    """Each act with the roles around the one that it needs, and, which is slow, with every role."""
    return pytest.mark.parametrize(
        ("name", "scopes"),
        [
            *(pytest.param(name, around(act.need), id=name) for name, act in acts.items()),
            *(pytest.param(name, SCOPES, id=f"{name} by all", marks=pytest.mark.slow) for name in acts),
        ],
    )


def around(need: Scope) -> list[Scope]:
    """No role and all; what is needed; and for each of the two the level below and the needed one, beside the widest
    other one, which shows whether anything is missing or given that should not be.
    """
    found = [LEARNER, roles.EVERYTHING, need]
    for part, levels in (("content", list(Content)), ("learner_data", list(LearnerData))):
        place = levels.index(getattr(need, part))
        found += [Scope(**{**vars(roles.EVERYTHING), part: level}) for level in levels[max(0, place - 1) : place + 1]]
    return [scope for place, scope in enumerate(found) if scope not in found[:place]]


def each_scope(user: User, course: Course, scopes: list[Scope]) -> Iterator[Scope]:
    """Gives the person each role in turn; the row of the role is made anew, as an act may have removed it."""
    for scope in scopes:
        Enrolment.objects.update_or_create(user=user, course=course, defaults=vars(scope))
        yield scope


def undone(work: Callable[[], Any]) -> Any:
    """Returns what the work gives, and takes back what it has changed."""
    from django.db import transaction

    with transaction.atomic():
        found = work()
        transaction.set_rollback(True)
    return found


@each(PAGES)
def test_pages(name: str, scopes: list[Scope], world: World, bob: User) -> None:
    act = PAGES[name]
    for scope in each_scope(bob, world.course, scopes):
        answer = undone(lambda: getattr(logged_in(bob), act.method)(address(act, world), act.body))
        assert outcome(answer.status_code) == expected(scope, act.need), scope
        assert answer.status_code < 400 or answer.status_code in (403, 404), scope


@pytest.mark.parametrize("staff", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_lists_and_links(staff: bool, world: World, bob: User) -> None:
    """The header, the list of courses and the page of a course show what the role includes, and no more."""
    User.objects.filter(pk=bob.pk).update(is_staff=staff)
    for role in each_scope(bob, world.course, SCOPES):
        scope = roles.EVERYTHING if staff else role
        client, has_role = logged_in(bob), scope != LEARNER
        header = client.get("/path/").content.decode()
        assert ('href="/teach/"' in header) == has_role, scope
        assert ('href="/reviews/"' in header) == scope.includes(VIEWS_ANSWERS), scope
        assert client.get("/teach/").status_code == (200 if has_role else 404)
        shown = client.get("/teach/courses/tiny/")
        assert shown.status_code == (200 if has_role else 404)
        text = shown.content.decode()
        assert ('href="/teach/courses/tiny/people/"' in text) == scope.includes(OWNS), scope
        assert ("/reviews/?course=tiny" in text) == scope.includes(VIEWS_ANSWERS), scope
        assert ("The newest versions" in text) == scope.includes(Scope(Content.VIEWER)), scope
        assert ("The draft" in text) == scope.includes(Scope(Content.PREVIEWER)), scope


def call(user: User, act: Act, world: World, scope: Scope) -> int:
    secret = ApiToken.issue(user, "tests", scope)[1]
    headers = {"Authorization": f"Bearer {secret}"}
    path = f"/api/v1{address(act, world)}"
    status: int = getattr(Client(), act.method)(
        path, act.body, content_type="application/json", headers=headers
    ).status_code
    return status


@each(CALLS)
def test_calls(name: str, scopes: list[Scope], world: World, bob: User) -> None:
    """With a token that may do all: what the person may do decides. The commands send the same calls."""
    act, everything = CALLS[name], roles.EVERYTHING
    elsewhere = Course.objects.create(slug="other", title="Other", digest="x")
    # An owner of another course, so that the calls look at the role in this one.
    factories.enrol(bob, elsewhere, everything)
    for scope in each_scope(bob, world.course, scopes):
        status = undone(lambda: call(bob, act, world, everything))
        assert outcome(status) == expected(scope, act.need) or (status == 404 and scope.includes(act.need)), scope
        assert status < 500 and (scope.includes(act.need) or status in (403, 404)), (scope, status)


@each(REVIEWS)
def test_reviews(name: str, scopes: list[Scope], world: World, bob: User) -> None:
    act = REVIEWS[name]
    elsewhere = Course.objects.create(slug="other", title="Other", digest="x")
    factories.enrol(bob, elsewhere, Scope(learner_data=LearnerData.EDITOR))
    for scope in each_scope(bob, world.course, scopes):
        status = undone(lambda: call(bob, act, world, roles.EVERYTHING))
        if name in ("list answers", "claim"):
            # Lists have nothing of the course for those who may not.
            assert status == 200
            continue
        wanted = expected(scope, act.need) if scope.includes(VIEWS_ANSWERS) else GONE
        assert outcome(status) == wanted, (scope, status)


def test_lists_of_answers_hold_only_what_one_may_see(world: World, bob: User) -> None:
    from gradus.reviews import queue, services

    for scope in each_scope(bob, world.course, SCOPES):
        assert queue.waiting_for(bob).exists() == scope.includes(VIEWS_ANSWERS), scope
        assert bool(undone(lambda: services.claim(bob))) == scope.includes(DECIDES), scope


def test_the_services_refuse_whoever_calls_them(world: World, bob: User) -> None:
    """Pages and calls look first; a service must not rely on that."""
    from gradus.reviews import services as reviews

    course, review = world.course, world.review
    acts: dict[str, tuple[Scope, Callable[[], Any]]] = {
        "invite": (OWNS, lambda: people.invite(course, by=bob, email="x@example.org", scope=DECIDES, site="/")),
        "change": (OWNS, lambda: people.change(world.other, DECIDES, by=bob)),
        "remove": (OWNS, lambda: people.remove(world.other, by=bob)),
        "decide": (DECIDES, lambda: reviews.decide(review, by=bob, marks=cases.ALL_MET, reason="")),
        "regrade": (DECIDES, lambda: reviews.start_regrade(review.submission.challenge, by=bob)),
    }
    for scope in each_scope(bob, course, SCOPES):
        for name, (need, act) in acts.items():
            try:
                undone(act)
                found = DONE
            except Http404:
                found = GONE
            except Refused as refused:
                found = REFUSED if refused.status == 403 else DONE
            assert found == expected(scope, need), (name, scope)


def test_may_and_reach_agree(world: World, bob: User, grace: User, guest: User) -> None:
    for need in SCOPES:
        for scope in each_scope(bob, world.course, SCOPES):
            reached = Course.objects.filter(roles.reach(bob, need)).filter(pk=world.course.pk).exists()
            assert roles.may(bob, world.course, need) == reached == scope.includes(need), (scope, need)
        for user, all_of_it in ((grace, True), (guest, False), (None, False)):
            reached = Course.objects.filter(roles.reach(user, need)).filter(pk=world.course.pk).exists()
            assert roles.may(user, world.course, need) == reached == (all_of_it or need == LEARNER)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    bob.refresh_from_db()
    assert not roles.may(bob, world.course, Scope(Content.PREVIEWER)) and bob.widest_scope == LEARNER


def test_the_admin(world: World, grace_client: Client, bob: User) -> None:
    """Staff of the site change every role there, and may not take the last owner away."""
    assert not any(logged_in(bob).get(path).status_code == 200 for path in ("/admin/accounts/enrolment/", "/admin/"))
    page = f"/admin/accounts/enrolment/{world.other.pk}/change/"
    given = {"user": world.other.user_id, "course": world.course.pk, "learner_data": "none"}
    for level in Content.values:
        assert grace_client.post(page, {**given, "content": level}).status_code == 302
        assert Enrolment.objects.get(pk=world.other.pk).content == level
    assert LogEntry.objects.count() == len(Content.values) and world.other.pk
    last = Enrolment.objects.filter(course=world.course, content=Content.OWNER).exclude(pk=world.other.pk).get()
    people.change(world.other, Scope(Content.VIEWER), by=User.objects.get(username="grace"))
    refused = grace_client.post(
        f"/admin/accounts/enrolment/{last.pk}/change/", {**given, "user": last.user_id, "content": "editor"}
    )
    assert refused.status_code == 200 and "only owner of the course" in refused.content.decode()
    for pk in (last.pk, world.other.pk):
        grace_client.post(f"/admin/accounts/enrolment/{pk}/delete/", {"post": "yes"})
    assert list(Enrolment.objects.filter(course=world.course)) == [last]
