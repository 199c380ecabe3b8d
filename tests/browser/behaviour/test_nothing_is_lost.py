"""What a learner has typed survives reloads, the Back button, lost connections, ended sessions and a second tab.

A stopped server, a stream of events that breaks off and a double click do no harm either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.browser.conftest import Visit, session_of
from tests.browser.driver.site import Site, wait_for
from tests.challenges.factory import write_course, write_prompt_challenge

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HERE = "/challenges/sea-or-sky/"
WORDS = "Is it of the sea, or of the sky?"
# What htmx writes to the console about a request that does not reach the server.
UNSENT = ("htmx:sendError", "htmx:afterRequest")
WINDOW = {"width": 1280, "height": 800}


def instructions(page: Page) -> Locator:
    """The form's field, which the editor covers."""
    return page.locator("[name=instructions]")


def write(page: Page, words: str = WORDS) -> None:
    """Types into the editor, and waits until the draft is kept."""
    page.locator(".cm-content").first.fill(words)
    expect(instructions(page)).to_have_value(words)
    page.wait_for_function("(words) => JSON.stringify(localStorage).includes(words)", arg=words)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def page(course: Course, ada: User, visit: Visit) -> Page:
    """A challenge of Ada's, with a prompt that she has typed and not sent."""
    page = visit(ada, viewport=WINDOW)
    page.goto(HERE)
    write(page)
    return page


def test_a_reload_the_back_button_and_the_other_track_keep_it_to_the_last_letter(page: Page) -> None:
    editor = page.locator(".cm-content").first
    page.reload()
    expect(instructions(page)).to_have_value(WORDS)
    expect(editor).to_have_text(WORDS)
    page.get_by_role("link", name="Your path").first.click()
    expect(page).to_have_url(re.compile("/path/"))
    page.go_back()
    expect(editor).to_have_text(WORDS)
    page.goto(f"{HERE}?track=tune")
    page.goto(f"{HERE}?track=prompt")
    expect(instructions(page)).to_have_value(WORDS)
    # Left at once after the last letter.
    editor.press_sequentially("!")
    page.goto("/path/")
    page.goto(HERE)
    expect(instructions(page)).to_have_value(re.compile("!"))


TRAINING = f"{HERE}?track=tune"
PASTED = "\n".join(f'{{"input": "row {n}", "output": "sea"}}' for n in range(3))
# As Ctrl+V does, without asking the browser for its clipboard.
PASTE = """(editor, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  editor.focus();
  editor.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""
FILL = """() => {
  let n = 0;
  for (let size = 1_000_000; size >= 1; size = Math.floor(size / 2)) {
    for (; ; n += 1) {
      try {
        localStorage.setItem(`draft:other-${n}:tune:1`, JSON.stringify({ at: n, pairs: [["rows", "x".repeat(size)]] }));
      } catch {
        break;
      }
    }
  }
  return n;
}"""


def paste(page: Page) -> Locator:
    """Pastes training rows into the editor, and returns the form's field."""
    page.goto(TRAINING)
    page.locator("#training .cm-content").evaluate(PASTE, PASTED)
    rows = page.locator("[name=rows]")
    expect(rows).to_have_value(PASTED)
    return rows


def test_pasted_training_rows_are_kept_where_older_drafts_fill_the_browser(page: Page) -> None:
    page.goto(TRAINING)
    assert page.evaluate(FILL) > 3
    paste(page)
    page.wait_for_function("(words) => JSON.stringify(localStorage).includes(words)", arg="row 2")
    other = page.context.new_page()
    other.goto(TRAINING)
    expect(other.locator("[name=rows]")).to_have_value(PASTED)
    kept = other.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('draft:other'))")
    assert "draft:other-0:tune:1" not in kept and kept


def test_rows_that_the_site_has_put_in_are_kept(course: Course, ada: User, visit: Visit) -> None:
    page = visit(ada, viewport=WINDOW)
    page.goto("/challenges/ticket/?track=tune")
    press(page, "Use the starter rows")
    rows = page.locator("[name=rows]")
    expect(rows).not_to_have_value("")
    starter = rows.input_value()
    page.wait_for_function("() => Object.keys(localStorage).some((key) => key.startsWith('draft:ticket'))")
    page.reload()
    expect(rows).to_have_value(starter)


def test_the_training_method_and_its_settings_come_back(ada: User, visit: Visit, tmp_path: Path) -> None:
    root = write_course(tmp_path)
    limits = {"rows_max": 100, "row_tokens_max": 64, "tokens_max": 20_000}
    write_prompt_challenge(root / "first" / "sea-or-sky", tune={"methods": ["lora", "full"], **limits})
    publish(read_course(root))
    page = visit(ada, viewport=WINDOW)
    rows = paste(page)
    page.get_by_role("radio", name="full").check()
    expect(page.locator("#training [name=r]")).to_have_count(0)
    page.get_by_label("Learning rate").fill("0.00003")
    page.wait_for_function("() => JSON.stringify(localStorage).includes('0.00003')")
    page.reload()
    expect(page.get_by_role("radio", name="full")).to_be_checked()
    expect(page.locator("#training [name=r]")).to_have_count(0)
    expect(page.get_by_label("Learning rate")).to_have_value("0.00003")
    expect(rows).to_have_value(PASTED)
    expect(page.locator("#training .cm-content")).to_contain_text("row 2")
    assert page.locator("[name=method]").evaluate_all("(all) => all.map(({ value }) => value)") == ["lora", "full"]


def test_a_lost_connection_keeps_it(page: Page, expected_complaints: list[str]) -> None:
    expected_complaints += ["ERR_INTERNET_DISCONNECTED", *UNSENT]
    page.context.set_offline(True)
    press(page, "Run")
    expect(page.get_by_text("There is no connection. What you wrote is still here").first).to_be_visible()
    press(page, "Submit")
    expect(page).not_to_have_url(re.compile("challenges"))
    page.context.set_offline(False)
    page.go_back()
    expect(instructions(page)).to_have_value(WORDS)
    press(page, "Submit")
    expect(page).to_have_url(re.compile("/submissions/"))
    assert Submission.objects.get().payload["instructions"] == WORDS


def test_an_ended_session_keeps_it_until_one_has_signed_in_again(
    page: Page, ada: User, address: str, expected_complaints: list[str]
) -> None:
    expected_complaints += ["a status of 403", "Error Code 403"]
    page.context.clear_cookies()
    press(page, "Run")
    expect(page.get_by_text("Signing in again may help.").first).to_be_visible()
    expect(instructions(page)).to_have_value(WORDS)
    press(page, "Submit")
    expect(page.get_by_role("heading", level=1)).to_have_text("This form has expired")
    assert not Submission.objects.exists() and not Run.objects.exists()

    page.goto(HERE)
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    expect(instructions(page)).not_to_have_value(WORDS)  # Somebody else may sit at this computer now.
    page.context.add_cookies([{"name": "sessionid", "value": session_of(ada), "url": address}])
    page.goto(HERE)
    expect(instructions(page)).to_have_value(WORDS)


def test_each_of_two_tabs_gets_its_own_text_back(page: Page) -> None:
    other = page.context.new_page()
    other.goto(HERE)
    expect(instructions(other)).to_have_value(WORDS)
    write(other, "Other words.")
    page.reload()
    expect(instructions(page)).to_have_value(WORDS)
    other.reload()
    expect(instructions(other)).to_have_value("Other words.")
    third = page.context.new_page()
    third.goto(HERE)
    expect(instructions(third)).to_have_value("Other words.")


def test_a_newcomer_keeps_what_was_typed_around_the_first_run(course: Course, visit: Visit) -> None:
    """The first run makes a visitor a guest; the draft goes with them."""
    page = visit(viewport=WINDOW)
    page.goto(HERE)
    write(page)
    press(page, "Run")
    expect(page.get_by_role("button", name="Cancel this run")).to_be_visible()
    write(page, "Better words.")
    page.reload()
    expect(instructions(page)).to_have_value("Better words.")


def test_a_double_click_makes_one_attempt(page: Page) -> None:
    page.get_by_role("button", name="Submit", exact=True).dblclick()
    expect(page).to_have_url(re.compile("/submissions/"))
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    assert Submission.objects.count() == 1


@pytest.fixture
def start() -> Iterator[Callable[[int | None], Site]]:
    """`start(port)` starts one more web server, on a free port or on the one of a server that was stopped."""
    servers: list[Site] = []

    def start(port: int | None = None) -> Site:
        server = Site(settings.BASE_DIR / "static")
        server.port = port or server.port
        servers.append(server)
        server.start()
        wait_for(server.port)
        return server

    yield start
    servers[-1].stop()


def test_a_stopped_server_is_told_of_and_waited_for(
    course: Course, visit: Visit, start: Callable[..., Site], expected_complaints: list[str]
) -> None:
    expected_complaints += ["ERR_CONNECTION_REFUSED", *UNSENT]
    server = start()
    page = visit(base_url=f"http://127.0.0.1:{server.port}", viewport=WINDOW)
    page.goto(HERE)
    write(page)
    page.wait_for_load_state("networkidle")
    server.stop()
    press(page, "Run")
    expect(page.get_by_text("There is no connection. What you wrote is still here").first).to_be_visible()
    start(server.port)
    press(page, "Run")
    expect(page.get_by_role("button", name="Cancel this run")).to_be_visible()
    assert Run.objects.get().payload["instructions"] == WORDS
    factories.grade(Run.objects.get())
    expect(page.get_by_role("button", name="Cancel this run")).to_be_hidden()
    page.wait_for_load_state("networkidle")


def test_a_broken_stream_of_events_is_opened_again(
    course: Course, ada: User, visit: Visit, expected_complaints: list[str]
) -> None:
    expected_complaints += ["ERR_FAILED"]
    attempt = factories.submit(ada)
    page = visit(ada, viewport=WINDOW)
    page.route("**/events*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.goto(f"/submissions/{attempt.uuid}/")
    page.evaluate("window.notReloaded = true")
    factories.grade(attempt, 0.9)
    page.unroute_all()
    expect(page.get_by_text("0.90").first).to_be_visible()
    assert page.evaluate("window.notReloaded") is True
