"""Takes README's pictures anew: a whole site starts on a temporary folder, and a browser does what a learner does.

`make screenshots ARGS=--readme` needs Chromium and the built-in base model, and takes about a minute.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.requirements import chromium

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
NAMES = ("lesson", "challenge")
LESSON, CHALLENGE = "/lessons/fine-tuning-vs-prompting/", "/challenges/symptom-specialty/"
WINDOW = {"width": 1200, "height": 900}
# The first start loads the model into each worker.
START_SECONDS, RUN_MILLISECONDS = 600, 240_000
EXAMPLES = (
    ("My eyes itch and I sneeze whenever the neighbour's cat comes in.", "Allergist"),
    ("A mole on my back has grown a dark edge since spring.", "Dermatologist"),
    ("My left hand goes numb and I drop my cup in the morning.", "Neurologist"),
    ("Straight lines look bent when I read with my right eye.", "Ophthalmologist"),
    ("It burns when I pass water, and I get up four times a night.", "Urologist"),
)


def photograph(page: Page, name: str) -> None:
    """Writes what the window shows to `docs/images/NAME.webp`. Playwright itself writes no WebP."""
    session = page.context.new_cdp_session(page)
    found = session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    (IMAGES / f"{name}.webp").write_bytes(base64.b64decode(found["data"]))


def lesson(page: Page) -> None:
    page.goto(LESSON)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    photograph(page, "lesson")


def challenge(page: Page) -> None:
    """A visitor gives the model five examples, runs the prompt on public rows, and reads the result."""
    page.goto(CHALLENGE)
    for number, (complaint, specialty) in enumerate(EXAMPLES):
        if page.locator("[name=example_input]").count() <= number:
            page.get_by_role("button", name="Add an example").click()
        page.locator("[name=example_input]").nth(number).fill(complaint)
        page.locator("[name=example_output]").nth(number).select_option(specialty)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#run .score-value").first).to_be_visible(timeout=RUN_MILLISECONDS)
    page.locator("#attempt .form-actions").evaluate("element => element.scrollIntoView({block: 'start'})")
    photograph(page, "challenge")


def take() -> None:
    from tests.smoke.site import Site

    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gradus-screenshots-") as folder, sync_playwright() as playwright:
        site = Site(Path(folder))
        site.take_models()
        try:
            address = site.start(START_SECONDS)
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page(base_url=address, viewport=WINDOW, reduced_motion="reduce", color_scheme="light")
            lesson(page)
            challenge(page)
            browser.close()
        finally:
            site.stop()
