"""Previews in a browser: an author's folder that is followed, and a draft on the site."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, Route, expect

from challenges.authoring.archive import pack
from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import publishing
from gradus.courses.models import Course
from tests import factories
from tests.challenges.factory import write_course
from tests.preview.started import Started

pytestmark = pytest.mark.browser
# What an author waits at most from a saved file to the page, in milliseconds.
AT_MOST = 3000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "folder")


@pytest.fixture
def local(folder: Path, tmp_path: Path) -> Iterator[Started]:
    with Started(folder, tmp_path / "temporary") as preview:
        yield preview


@pytest.fixture
def page(browser: Browser, local: Started) -> Iterator[Page]:
    """A page of the local preview. No page may report a script error or a violation of the policy."""
    complaints: list[str] = []
    context = browser.new_context(base_url=local.address)
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context.new_page()
    context.close()
    refused = re.compile("status of (409|422)|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION|htmx:")
    assert not [text for text in complaints if not refused.search(text)]


def test_an_open_page_follows_each_saved_file_and_says_what_is_wrong_with_a_broken_one(page, folder, local):
    page.goto("/challenges/sea-or-sky/")
    (folder / "first" / "sea-or-sky" / "statement.md").write_text("# Sea or sky\n\nLook up, then down.\n")
    expect(page.get_by_text("Look up, then down.")).to_be_visible(timeout=AT_MOST)
    page.goto("/lessons/first/")
    (folder / "first" / "lesson.md").write_text("# First\n\nThe tide comes in.\n")
    expect(page.get_by_text("The tide comes in.")).to_be_visible(timeout=AT_MOST)
    lesson = folder / "first" / "lesson.yaml"
    good = lesson.read_text()
    lesson.write_text(f"{good}\nfoo: 1\n")
    expect(page.get_by_role("heading", name="This folder cannot be read yet")).to_be_visible(timeout=AT_MOST)
    expect(page.get_by_text("the key `foo` is unknown")).to_be_visible()
    expect(page).to_have_url(f"{local.address}/lessons/first/")

    def meanwhile(route: Route) -> None:
        """A change while the page is being left does not bring it back."""
        lesson.write_text(f"{good}\nbar: 1\n")
        local.until_shown("the key `bar` is unknown", "/preview/")
        route.continue_()

    page.route("**/preview/last/**", meanwhile)
    page.get_by_role("link", name="Show the last good content").click()
    expect(page.get_by_text("This is the last content that could be read.")).to_be_visible()
    expect(page.get_by_text("The tide comes in.")).to_be_visible()
    lesson.write_text(good)
    expect(page.get_by_text("This is the last content that could be read.")).to_be_hidden(timeout=AT_MOST)


def test_nothing_is_graded_lint_stands_in_the_bar_and_a_page_says_that_the_preview_has_ended(page, folder, local):
    page.goto("/challenges/sea-or-sky/")
    # Until then, the field of the form stands in its place.
    expect(page.locator(".cm-editor").first).to_be_visible()
    page.get_by_role("textbox", name="Instructions").fill("Sea or sky?")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#problems").get_by_text("nothing is run or graded here")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("nothing is run or graded here").first).to_be_visible()
    expect(page.get_by_role("textbox", name="Instructions")).to_contain_text("Sea or sky?")
    page.goto("/lessons/first/")
    (folder / "first" / "lesson.md").write_text("# First\n\n<!-- question: none -->\n")
    problems = page.get_by_role("link", name=re.compile(r"\d+ problems?"))
    expect(problems).to_be_visible()
    problems.click()
    expect(page.get_by_text("is no question that stands in the text")).to_be_visible()
    page.goto("/lessons/first/")
    local.end()
    expect(page.get_by_text("The preview has ended.")).to_be_visible()


@pytest.fixture
def draft(course: Course, tmp_path: Path, grace: User) -> None:
    """A draft of the course of the scene, with another title, pushed by Grace."""
    changed = tmp_path / "scene"
    spec = yaml.safe_load((changed / "course.yaml").read_text())
    text = yaml.safe_dump({**spec, "title": "Tomorrow's course", "version": "9.0.0"}, sort_keys=False)
    (changed / "course.yaml").write_text(text)
    with io.BytesIO() as file:
        pack(changed, file)
        publishing.push(changed, file, by=grace, course_slug=course.slug)


def test_a_previewer_sees_a_draft_until_she_leaves_it(visit, course, draft, ada, bob):
    factories.enrol(ada, course, Scope(Content.PREVIEWER))
    hers, his = visit(ada), visit(bob)
    hers.goto(f"/teach/courses/{course.slug}/preview/")
    expect(hers.get_by_role("complementary", name="Preview")).to_contain_text("Preview of a draft")
    expect(hers.get_by_role("heading", name="Tomorrow's course")).to_be_visible()
    his.goto(f"/courses/{course.slug}/")
    expect(his.get_by_role("heading", name="Tomorrow's course")).to_be_hidden()
    hers.goto("/challenges/sea-or-sky/")
    # Until then, the field of the form stands in its place.
    expect(hers.locator(".cm-editor").first).to_be_visible()
    hers.get_by_role("textbox", name="Instructions").fill("Sea or sky?")
    hers.get_by_role("button", name="Run").click()
    expect(hers.locator("#problems").get_by_text("This is a preview of a draft")).to_be_visible()
    hers.get_by_role("button", name="Leave the preview").click()
    expect(hers.get_by_role("heading", name=course.title)).to_be_visible()
    hers.go_back()
    expect(hers.get_by_role("button", name="Leave the preview")).to_be_hidden()
