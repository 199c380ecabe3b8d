"""What is photographed: every page, and every state of a page. A story yields a name for each of its states."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.courses import verification
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.receipts import services as receipts
from gradus.submissions.models import Run
from tests.browser.driver.hands import Mouse
from tests.browser.driver.tasks import TASKS, Task, begin, end
from tests.browser.pictures.world import World

Tell = Callable[[Page], Iterator[str]]
ERRORS = ("400", "403", "403_csrf", "404", "405", "429", "500", "503")
EMPTY_BOARD = "/leaderboards/email-to-ticket/"


@dataclass(frozen=True)
class Story:
    """`who` gives the user who looks, anew for each picture; None for a visitor."""

    name: str
    tell: Tell
    who: Callable[[], User | None] = lambda: None
    scripts: bool = True


def stories(world: World) -> list[Story]:
    return [*pages(world), *states(world), *challenges(world), *errors(), *without_scripts(world)]


def at(path: str) -> Tell:
    """The page as it opens."""

    def tell(page: Page) -> Iterator[str]:
        page.goto(path)
        yield ""

    return tell


def pages(world: World) -> Iterator[Story]:
    """The pages of `furnish`: for everybody, for a learner who has done much, and for staff."""
    groups = (
        ("visitor", None, [*world.pages.open, *world.pages.more]),
        ("learner", world.people["ada"], ["/", "/path/", "/leaderboards/sea-or-sky/", *world.pages.own]),
        ("staff", world.people["grace"], world.pages.staff),
    )
    for group, user, paths in groups:
        for number, path in enumerate(paths, start=1):
            words = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", path).strip("/").replace("/", " ") or "front page"
            yield Story(f"{group} {number:02} {words}", at(path), lambda user=user: user)


def states(world: World) -> Iterator[Story]:
    """Attempts by their state; the front page, the path and the boards by what somebody has done."""
    for state, attempt in world.attempts.items():
        yield Story(f"attempt {state}", at(f"/submissions/{attempt.uuid}/"), lambda user=attempt.user: user)
    for done, name in (("nothing", "nobody"), ("half", "half"), ("everything", "whole")):
        for title, path in (("path", "/path/"), ("front page", "/"), ("profile", "/profile/")):
            yield Story(f"{title} with {done} done", at(path), lambda user=world.people[name]: user)
    yield Story("roster previewed", previewed_roster, lambda: world.people["grace"])
    yield Story("receipt checked", checked_receipt(world))
    yield Story("leaderboard empty", at(EMPTY_BOARD))
    yield Story("leaderboard full", at("/leaderboards/sea-or-sky/"), lambda: world.people["ada"])
    yield Story("leaderboard of the version before", two_versions, lambda: world.people["grace"])


ROSTER = """email,firstname,lastname,registrationnumber,labels,role
ann@example.org,Anna-Lena Theodora,Lee,00123,Section 2; Extra time,
cem@example.org,,,,,
mei@example.org,Mei,Ng,00124,Section 1,assistant
a very long text that is no address of anybody,Lou,Sand,,,
,Sam,Roe,00999,,"""


def previewed_roster(page: Page) -> Iterator[str]:
    """A roster with rows of each outcome: previewed, with removing, and applied."""
    path = f"/teach/classes/{Class.objects.order_by('pk')[0].pk}/roster/"
    for name, removes, rows in (("wrong rows", True, ROSTER), ("removing", True, ROSTER.rpartition("a very")[0])):
        page.goto(path)
        page.get_by_label("Or its text").fill(rows)
        page.get_by_label("Also remove learners").set_checked(removes)
        page.get_by_role("button", name="Preview").click()
        page.wait_for_selector("#plan-title")
        yield name


def two_versions(page: Page) -> Iterator[str]:
    """The leaderboard that learners keep after a graded change, and the scores of the new version, for an editor."""
    challenge = Challenge.objects.select_related("version").get(slug="sea-or-sky")
    before = challenge.version
    assert before is not None
    newer = ChallengeVersion(challenge=challenge, version="1.9.0", digest="f" * 64, spec=before.spec)
    newer.save()
    verification.publish(newer)
    try:
        page.goto("/leaderboards/sea-or-sky/")
        yield "held"
        page.goto("/leaderboards/sea-or-sky/?version=1.9.0")
        yield "new"
    finally:
        Challenge.objects.filter(pk=challenge.pk).update(version=before, board_version=None)
        newer.delete()
        verification.publish(before)


def checked_receipt(world: World) -> Tell:
    """What somebody sees who was given the receipt of an attempt that has passed, and then one of another site."""

    def tell(page: Page) -> Iterator[str]:
        made = receipts.receipt(world.attempts["passed"], world.address)
        for state, given in (("valid", made), ("refused", {**(made or {}), "key": "0" * 16})):
            page.goto("/receipts/")
            page.get_by_label("The receipt").fill(json.dumps(given))
            page.get_by_role("button", name="Check the receipt").click()
            expect(page.locator("#checked, .field-error")).to_be_visible()
            yield state

    return tell


def challenges(world: World) -> Iterator[Story]:
    for task in TASKS:
        yield Story(f"challenge {task.slug}", in_hand(task), world.fresh)


def in_hand(task: Task) -> Tell:
    """A challenge untouched, with a refused solution, with a run that waits and then runs, and with its result."""

    def tell(page: Page) -> Iterator[str]:
        hand, (field, wrong, right) = Mouse(page), task.refused
        page.goto(f"/challenges/{task.slug}/")
        yield "untouched"
        solution = page.get_by_role("tab", name="Your solution", exact=True)
        if solution.is_visible():
            solution.click()
            yield "solution"
        hand.write(field, wrong)
        hand.press("button", task.run)
        expect(page.locator(".field-error:not(:empty)").first).to_be_visible()
        yield "problems"
        hand.write(field, right)
        hand.write(task.field, task.text)
        hand.press("button", task.run)
        cancel = page.get_by_role("button", name="Cancel this run", exact=True)
        expect(cancel).to_be_visible()
        yield "run waiting"
        run = Run.objects.latest("pk")
        evaluation = begin(run)
        expect(page.locator("#run")).to_contain_text(task.going_on)
        yield "run running"
        end(evaluation, None, {})
        expect(cancel).to_be_hidden()
        yield "result"

    return tell


def errors() -> Iterator[Story]:
    for name in ERRORS:
        yield Story(f"error {name}", error(name))


def error(name: str) -> Tell:
    def tell(page: Page) -> Iterator[str]:
        html = render_to_string(f"{name}.html", {"wait": "40 seconds"}, RequestFactory().get("/"))
        page.route("**/shown-error/", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto("/shown-error/")
        yield ""

    return tell


def without_scripts(world: World) -> Iterator[Story]:
    ada, passed = world.people["ada"], world.attempts["passed"]
    for title, path, user in (
        ("front page", "/", None),
        ("lesson", "/lessons/first/", None),
        *((f"challenge {task.slug}", f"/challenges/{task.slug}/", ada) for task in TASKS),
        ("attempt", f"/submissions/{passed.uuid}/", passed.user),
        ("path", "/path/", ada),
    ):
        yield Story(f"without scripts {title}", at(path), lambda user=user: user, scripts=False)
