"""Measures how long a saved file takes until an open page shows it: `python -m tests.preview.speed [TIMES]`.

It previews a copy of the built-in course, changes one file after another, and waits in a browser for the change.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from tests.preview.started import ROOT, Started
from tests.requirements import chromium

LESSON, CHALLENGE = "retrieval", "symptom-specialty"
FOLDER = f"fine-tuning-vs-prompting/{CHALLENGE}"
# A file, a text in it that can be replaced, and the page that shows it.
SAVED = (
    (f"{FOLDER}/statement.md", r"A patient writes", f"/challenges/{CHALLENGE}/"),
    (f"{FOLDER}/public.jsonl", r'(?<="input": ")\w+', f"/challenges/{CHALLENGE}/"),
    (f"{LESSON}/lesson.md", r"A passenger asks", f"/lessons/{LESSON}/"),
    (f"{FOLDER}/challenge.yaml", r"(?<=title: )\w+", f"/challenges/{CHALLENGE}/"),
)


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        course = Path(folder, "course")
        shutil.copytree(ROOT / "challenges" / "library", course)
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        began = time.monotonic()
        with Started(course, Path(folder, "temporary")) as preview:
            print(f"start: {time.monotonic() - began:.1f} s")
            page = browser.new_context(base_url=preview.address).new_page()
            for file, text, path in SAVED:
                page.goto(path)
                found = [saved(page, course / file, text, number) for number in range(times)]
                print(f"{file}: median {median(found):.2f} s, longest {max(found):.2f} s of {times}")
        browser.close()


def saved(page: Page, file: Path, text: str, number: int) -> float:
    """Returns the seconds from a save until the page shows the new content."""
    word = f"kraken{number}"
    before = re.sub(r"kraken\d+", "whale", file.read_text())
    began = time.monotonic()
    file.write_text(re.sub(text if number == 0 else "whale", word, before, count=1))
    page.wait_for_function("word => document.body.textContent.includes(word)", arg=word, timeout=30_000)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
