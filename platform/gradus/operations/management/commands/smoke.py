import json
import logging
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from challenges.reading import read_course
from gradus.operations.first_start import LIBRARY
from gradus.operations.smoke.report import Report, expect
from gradus.operations.smoke.site import Site
from gradus.operations.smoke.story import Story

# A first start fetches and converts the model where none is here.
START_SECONDS = 900
LINES_SHOWN = 80


class Command(BaseCommand):
    help = (
        "Start a whole site on a temporary folder, do the main job over HTTP as a learner and as staff, compare the "
        "scores with what the built-in baselines promise, and stop everything. Ends with status 1 on a difference."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--log", type=Path, help="keep the site's log in this file")

    def handle(self, *args: Any, log: Path | None, **options: Any) -> None:
        # So that the site is stopped and its folder removed also when somebody ends this from outside.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        logging.getLogger("httpx").setLevel(logging.WARNING)
        report = Report(self.say)
        with tempfile.TemporaryDirectory(prefix="gradus-smoke-") as folder:
            site = Site(Path(folder))
            try:
                self.play(site, report)
            finally:
                report.step("everything stops", site.stop)
        if log:
            log.write_text("\n".join(site.lines) + "\n")
        if report.failed:
            self.say("\nThe site's last lines:\n" + "\n".join(list(site.lines)[-LINES_SHOWN:]))
        self.say(f"\n{report.summary()}")
        if report.failed:
            sys.exit(1)

    def play(self, site: Site, report: Report) -> None:
        """The steps of the story; without a site or a course there is none."""
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
        story = Story(known["address"], known["course"], site.administrator)
        try:
            for name, action in story.steps():
                report.step(name, action)
            report.step("doctor", lambda: examined(site))
        finally:
            story.close()

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def examined(site: Site) -> str:
    """Nothing that `doctor` calls a failure."""
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "doctor", "--json"]
    done = subprocess.run(argv, env=site.environment(), capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    wrong = [f"{item['name']}: {item['text']}" for item in found if item["level"] == "fail"]
    expect(not wrong, "; ".join(wrong))
    return f"{sum(item['level'] == 'ok' for item in found)} ok, nothing to mend"
