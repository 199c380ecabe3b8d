"""A learner solves a challenge of each kind: by mouse, by keyboard alone, and by the accessibility tree alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions.models import Run, Submission
from tests.browser.conftest import Visit
from tests.browser.driver.hands import Hand, Keyboard, Mouse, Tree
from tests.browser.driver.tasks import TASKS, Task, begin, end

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


Check = Callable[[Page], None]


def with_tasks(quick: str) -> pytest.MarkDecorator:
    """Each kind of challenge; the quick gate has one kind for each of the three ways, and each kind in one of them."""
    slow = {task.slug: () if task.slug == quick else pytest.mark.slow for task in TASKS}
    return pytest.mark.parametrize("task", [pytest.param(task, marks=slow[task.slug], id=task.slug) for task in TASKS])


@pytest.fixture
def clean(axe: Axe) -> Check:
    """`clean(page)` fails at any violation that axe finds, and where the page is wider than its window."""

    def clean(page: Page) -> None:
        found = axe.run(page).response["violations"]
        assert not [(rule["id"], rule["impact"], [node["html"][:160] for node in rule["nodes"]]) for rule in found]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    return clean


@with_tasks("sea-or-sky")
def test_by_mouse(course: Course, ada: User, visit: Visit, clean: Check, task: Task) -> None:
    solve(Mouse(visit(ada, viewport=WIDE)), task, clean)


@with_tasks("ticket")
def test_by_keyboard_alone(course: Course, ada: User, visit: Visit, task: Task) -> None:
    solve(Keyboard(visit(ada, viewport=WIDE)), task, lambda page: None)


@with_tasks("explain")
def test_by_the_accessibility_tree_on_a_phone(
    course: Course, ada: User, visit: Visit, clean: Check, task: Task
) -> None:
    solve(Tree(visit(ada, viewport=PHONE, has_touch=True, color_scheme="dark")), task, clean)


def solve(hand: Hand, task: Task, clean: Check) -> None:
    """From the open challenge to the graded result; `clean` looks at each stage."""
    page = hand.page
    page.goto(f"/challenges/{task.slug}/")
    expect(page.get_by_role("heading", level=1, name=task.title, exact=True)).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Task", exact=True)).to_contain_text(re.compile(r"\w{3}"))
    if task.sample:
        hand.press("tab", "Samples 4")
        hand.press("button", "Use sample 1 as an example")
        expect(page.get_by_text("The sample is now example 1.")).to_be_visible()
    clean(page)
    if on_a_phone(page):
        hand.press("tab", "Your solution")
    hand.write(task.field, task.text)
    run(hand, task)
    clean(page)
    hand.press("button", "Submit")
    follow(page, task, clean)
    submission = Submission.objects.get()
    assert {key: submission.payload[key] for key in task.payload} == task.payload


def on_a_phone(page: Page) -> bool:
    return page.viewport_size is not None and page.viewport_size["width"] < 900


def run(hand: Hand, task: Task) -> None:
    """Runs, and reads the result. A run costs no attempt."""
    page = hand.page
    hand.run(task.run)
    region = page.get_by_role("region", name="Run on public samples", exact=True)
    expect(region.get_by_role("button", name="Cancel this run", exact=True)).to_be_visible()
    begin(Run.objects.get())
    end(Run.objects.get().current, None, {})
    expect(region.get_by_role("button", name="Cancel this run", exact=True)).to_be_hidden()
    expect(region).to_contain_text(task.result)
    assert not Submission.objects.exists()


def follow(page: Page, task: Task, clean: Check) -> None:
    """Follows the attempt without a reload, and reads the score and what comes next."""
    expect(page).to_have_url(re.compile("/submissions/"))
    progress = page.get_by_role("region", name="Progress", exact=True)
    expect(progress.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    page.evaluate("window.notReloaded = true")
    clean(page)
    evaluation = begin(Submission.objects.get())
    expect(progress).to_contain_text(task.going_on)
    end(evaluation, 0.9, task.outcome or {})
    expect(page.get_by_text("0.90", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Next"))).to_be_visible()
    assert page.evaluate("window.notReloaded") is True
    clean(page)
