"""The pictures of all pages: what is wrong with a page is noticed, and every story has a place on the sheet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.driver.seen import wrong_with
from tests.browser.pictures import contact_sheet, screenshots
from tests.browser.pictures.contact_sheet import Picture

ROOT = Path(__file__).resolve().parents[3]
NARROW = {"width": 360, "height": 740}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ("<h1>Short</h1><button>Run</button><table><tr><td>0.75</td></tr></table>", ""),
        ("<h1 style='width: 4em; overflow: hidden; white-space: nowrap'>A title that is too long</h1>", "cut: <h1"),
        ("<button style='width: 3em; white-space: nowrap'>Check without grading</button>", "cut: <button"),
        (
            "<div style='overflow-x: auto'><table style='width: 900px'><tr><td>it scrolls</td></tr></table>",
            "",
        ),
        ("<p style='width: 900px'>A long line</p>", "wider than the window: <p"),
    ],
)
def test_what_is_cut_or_too_wide_is_found(browser: Browser, html: str, wrong: str) -> None:
    page = browser.new_page(viewport=NARROW)
    page.set_content(html)
    found = wrong_with(page)
    assert [one[: len(wrong)] for one in found] == ([wrong] if wrong else [])
    page.close()


def test_the_sheet_shows_the_states_of_a_story_in_order(tmp_path: Path) -> None:
    pictures = [
        Picture("challenge result", 1280, "light", 800),
        Picture("challenge untouched", 360, "dark", 740),
        Picture("challenge result", 360, "dark", 9000, ["cut: <h1>"]),
    ]
    text = contact_sheet.write(tmp_path, screenshots.in_order(pictures)).read_text()
    files = [f'src="{picture.file}"' for picture in (pictures[2], pictures[0], pictures[1])]
    assert [text.index(file) for file in files] == sorted(text.index(file) for file in files)
    assert text.count("<h2>") == 2 and text.count("is-wrong>") == 1 and "cut: &lt;h1&gt;" in text


def test_something_wrong_makes_the_command_fail(capsys: pytest.CaptureFixture[str]) -> None:
    fine, cut = Picture("path", 360, "dark", 740), Picture("path", 360, "light", 740, ["cut: <h1>"])
    assert screenshots.said(Path("index.html"), [fine]) == 0
    assert screenshots.said(Path("index.html"), [fine, cut]) == 1
    assert "path, 360 px, light: cut: <h1>" in capsys.readouterr().out
    assert screenshots.said(Path("index.html"), []) == 1


@pytest.mark.browser
@pytest.mark.slow
def test_the_command_takes_the_pictures_that_were_asked_for(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.browser.pictures.screenshots", "--only", "error 404", "--width", "360"]
    done = subprocess.run([*argv, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {"error-404-360-light.png", "error-404-360-dark.png", "index.html"}
    assert {file.name for file in tmp_path.iterdir()} == names
