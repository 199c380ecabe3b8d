"""Takes a picture of every page and state: `make screenshots`, or `python -m tests.browser.pictures.screenshots`.

A site with people in every state starts on a temporary folder; the pictures and a sheet of all of them go to a folder
that git does not know. Status 1 where a page is wider than its window, its text is cut, or its console has an error.
`--readme` takes the two pictures of the README instead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.driver.seen import wrong_with
from tests.browser.pictures import contact_sheet, readme_pictures
from tests.browser.pictures.contact_sheet import Picture
from tests.requirements import chromium

if TYPE_CHECKING:
    from tests.browser.pictures.stories import Story

ROOT = Path(__file__).resolve().parents[3]
WIDTHS, THEMES = (360, 1280, 1920), ("light", "dark")
HEIGHTS = {360: 740, 1280: 800, 1920: 1080}
# Chromium draws no picture that is much higher. The sheet states the page's whole height.
HIGHEST = 8000
# Playwright's clock for each step; the pages answer within a second.
PATIENCE_MS = 15_000
CHART_MS = 3_000
DRAWN = """() => [...document.querySelectorAll("[data-chart-canvas]")]
  .every((one) => !one.checkVisibility() || one.firstChild)"""
# The browser reports a form that the site refuses, which is expected.
REFUSED = "status of 422"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.pictures.screenshots", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only stories with this text in their names")
    parser.add_argument("--width", type=int, choices=WIDTHS, action="append", help="may be given twice")
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "screenshots")
    parser.add_argument("--list", action="store_true", help="only names the stories")
    parser.add_argument("--readme", action="store_true", help="takes the pictures of README anew, with the real model")
    return parser.parse_args(words)


def main() -> int:
    given = arguments()
    if given.readme:
        readme_pictures.take()
        return 0
    from tests.browser.pictures.world import running

    with tempfile.TemporaryDirectory(prefix="gradus-screenshots-") as folder, running(Path(folder)) as world:
        from tests.browser.pictures.stories import stories

        told = [story for story in stories(world) if given.only in story.name]
        if given.list:
            print("\n".join(story.name for story in told))
            return 0
        given.folder.mkdir(parents=True, exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            pictures = list(photograph(browser, world.address, told, given))
            browser.close()
    return said(contact_sheet.write(given.folder, in_order(pictures)), pictures)


def in_order(pictures: list[Picture]) -> list[Picture]:
    """The states of each story in the order of telling, each with its widths and themes side by side."""
    names = list(dict.fromkeys(picture.name for picture in pictures))
    return sorted(pictures, key=lambda picture: (names.index(picture.name), picture.width, picture.theme == "dark"))


def photograph(browser: Browser, address: str, told: list[Story], given: argparse.Namespace) -> Iterator[Picture]:
    for story in told:
        print(story.name, file=sys.stderr, flush=True)
        for width in given.width or WIDTHS:
            for theme in given.theme or THEMES:
                yield from tell(browser, address, story, width, theme, given.folder)


def tell(browser: Browser, address: str, story: Story, width: int, theme: str, folder: Path) -> Iterator[Picture]:
    from tests.browser.conftest import session_of

    options: dict[str, Any] = {"java_script_enabled": story.scripts, "color_scheme": theme, "reduced_motion": "reduce"}
    size = {"width": width, "height": HEIGHTS[width]}
    context = browser.new_context(base_url=address, viewport=size, has_touch=width == min(WIDTHS), **options)
    context.set_default_timeout(PATIENCE_MS)
    user = story.who()
    if user is not None:
        context.add_cookies([{"name": "sessionid", "value": session_of(user), "url": address}])
    complaints: list[str] = []
    context.on("console", lambda message: hear(message, complaints))
    context.on("weberror", lambda error: complaints.append(f"script error: {error.error}"))
    page, state = context.new_page(), ""
    try:
        for state in story.tell(page):
            yield taken(page, f"{story.name} {state}".strip(), width, theme, folder, complaints)
    except Exception as problem:  # The other pictures are still taken, and this one is reported.
        complaints.append(f"the story ended after “{state}”: {str(problem).splitlines()[0]}")
        yield taken(page, f"{story.name} (not told to its end)", width, theme, folder, complaints)
    context.close()


def hear(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error" and REFUSED not in message.text:
        complaints.append(f"console: {message.text}")


def taken(page: Page, name: str, width: int, theme: str, folder: Path, complaints: list[str]) -> Picture:
    """Takes the picture of the whole page, and with it the complaints since the last one.

    A page that is longer than its window is opened in a window of its own height, so that bars that stick to the
    window stand at the ends of the page, and charts below the first view are drawn.
    """
    page.wait_for_load_state("load")
    height = page.evaluate("document.documentElement.scrollHeight")
    wrong = [*wrong_with(page), *complaints]
    complaints.clear()
    picture = Picture(name, width, theme, height, wrong)
    if height > HEIGHTS[width]:
        page.set_viewport_size({"width": width, "height": min(height, HIGHEST)})
        with suppress(PlaywrightTimeoutError):
            page.wait_for_function(DRAWN, timeout=CHART_MS)
    page.screenshot(path=folder / picture.file, timeout=4 * PATIENCE_MS)
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    return picture


def said(sheet: Path, pictures: list[Picture]) -> int:
    wrong = [picture for picture in pictures if picture.wrong]
    for picture in wrong:
        for line in picture.wrong:
            print(f"{picture.name}, {picture.width} px, {picture.theme}: {line}")
    print(f"{len(pictures)} pictures, {len(wrong)} with something wrong: {sheet}")
    return 1 if wrong or not pictures else 0


if __name__ == "__main__":
    raise SystemExit(main())
