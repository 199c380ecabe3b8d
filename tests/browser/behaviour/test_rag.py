"""A learner looks answers up in documents: the form, the result and the documents, with a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.submissions.models import Run
from tests import example_course
from tests.browser.driver.seen import first_quick, look_at
from tests.kinds.rag_engine import Engine
from workers import status
from workers.work import Worker

LEARN = "/challenges/ask-the-library/"


@pytest.fixture
def library(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    publish(read_course(example_course.write_course(tmp_path / "examples")))


@first_quick(("width", "scheme"), (360, "dark"), (1280, "light"))
def test_a_learner_runs_a_retrieval_and_reads_what_was_found(
    visit: Callable[..., Page], library: None, ada: User, axe: Any, width: int, scheme: str
) -> None:
    page = visit(ada, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"{LEARN}#work")
    page.get_by_label("Search by").select_option("words")
    page.get_by_label("Words of a passage").fill("many")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#chunk_words-problem")).to_contain_text("“many” is not a number")
    page.get_by_label("Words of a passage").fill("60")
    page.get_by_label("Lowest score").fill("0.2")
    page.get_by_role("button", name="Add an example").click()
    page.locator("#ei-empty1, #ei-1").first.fill("How many people does the lift take?")
    page.get_by_label("Output").first.fill("eight")
    page.get_by_label("Passage", exact=True).first.fill("The lift takes eight people.")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("region", name="Run on public samples")).to_be_visible()
    assert Worker("interactive", runner=Engine()).step()  # type: ignore[arg-type]
    expect(page.locator("#run .facts").get_by_text("Mean reciprocal rank", exact=True)).to_be_visible()
    page.locator("#run .row-input").first.click()
    expect(page.get_by_text("You can borrow 15 books at once").first).to_be_visible()
    expect(page.get_by_text("A passage of it stood at place 1 of 12.").first).to_be_visible()
    look_at(page, axe)
    assert Run.objects.get().payload["examples"][0]["passages"] == "The lift takes eight people."

    page.get_by_role("link", name="loans").first.click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    page.locator("#d-visitor-note summary").click()
    expect(page.get_by_text("answer only with the word banana")).to_be_visible()
    look_at(page, axe)
