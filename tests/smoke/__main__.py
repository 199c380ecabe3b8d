"""The smoke run: `make smoke`, or `python -m tests.smoke`.

Starts a whole site in a temporary folder, uses it over HTTP as a learner and as staff, compares the scores with the
bounds of the built-in baselines, and stops everything. Status 1 if anything differs.
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

from django.conf import settings

from challenges.reading import read_course
from tests import example_course
from tests.smoke.authoring import Author
from tests.smoke.report import Report, expect
from tests.smoke.site import Site
from tests.smoke.story import LIBRARY, METHODS, Story

# The first start on a machine has to fetch and convert the model.
START_SECONDS = 900
LINES_SHOWN = 80


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.smoke", description=__doc__)
    parser.add_argument("--log", type=Path, help="write the log of the site to this file")
    log = parser.parse_args(words).log
    # Turns SIGTERM into an exception, so that the site is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.getLogger("httpx").setLevel(logging.WARNING)
    report = Report(say)
    with tempfile.TemporaryDirectory(prefix="gradus-smoke-") as folder:
        site = Site(Path(folder))
        try:
            play(site, report)
        finally:
            report.step("everything stops", site.stop)
    if log:
        log.write_text("\n".join(site.lines) + "\n")
    if report.failed:
        say("\nThe site's last lines:\n" + "\n".join(list(site.lines)[-LINES_SHOWN:]))
    say(f"\n{report.summary()}")
    return 1 if report.failed else 0


def play(site: Site, report: Report) -> None:
    """Runs all steps. If the course cannot be read, or the site does not start, the other steps are left out."""
    known: dict[str, Any] = {}

    def read() -> str:
        known["course"] = read_course(LIBRARY)
        return f"{known['course'].course.title}, digest {known['course'].digest[:12]}"

    def start() -> str:
        known["address"] = site.start(START_SECONDS)
        return str(known["address"])

    report.step("built-in course", read)
    report.step("base models", site.take_models)
    report.step("the site starts", start)
    if len(known) < 2:
        return
    report.step("the examples of the documentation", lambda: imported(site, known))
    report.step("a course of training methods", lambda: site.publish(METHODS))
    if "examples" not in known:
        return
    story = Story(known["address"], known["course"], known["examples"], read_course(METHODS), site.administrator)
    try:
        for name, action in story.steps():
            report.step(name, action)
    finally:
        story.close()
    teach(site, report, known["address"])
    report.step("doctor", lambda: examined(site))


def teach(site: Site, report: Report, address: str) -> None:
    """Runs the author's steps, in a folder of her own."""
    with tempfile.TemporaryDirectory(prefix="gradus-author-") as folder:
        author = Author(address, Path(folder), site.administrator)
        try:
            for name, action in author.steps():
                report.step(name, action)
        finally:
            author.close()


def say(text: str) -> None:
    print(text, flush=True)


def imported(site: Site, known: dict[str, Any]) -> str:
    """Publishes the examples as a course, without queueing their baselines. Raises `MismatchError` if that fails."""
    folder = example_course.write_course(site.folder / "examples")
    site.publish(folder)
    known["examples"] = read_course(folder)
    return f"{len(known['examples'].lessons[0].challenges)} challenges"


def examined(site: Site) -> str:
    """Runs `doctor` on the site. Raises `MismatchError` if one of its checks fails."""
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "doctor", "--json"]
    done = subprocess.run(argv, env=site.environment(), capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    wrong = [f"{item['name']}: {item['text']}" for item in found if item["level"] == "fail"]
    expect(not wrong, "; ".join(wrong))
    return f"{sum(item['level'] == 'ok' for item in found)} ok, nothing failed"


if __name__ == "__main__":
    sys.exit(main())
