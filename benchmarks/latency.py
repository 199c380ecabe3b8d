"""From click to grade: what a prompt submission takes outside the engine, on a throw-away site with a warm runner.

`python -m benchmarks.latency [--times N] [--json FILE]`. The clock starts when the form is sent. Engine time is the
sum of the work items' seconds as the runner reports them; the rest is submit, ring and claim, load and record.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

GOAL_S = 0.150
START_SECONDS, GRADE_SECONDS, LOG_SECONDS = 900.0, 600.0, 5.0
ITEM = re.compile(
    r"work_item\b.*?engine_s=([\d.]+).*?evaluation=(\d+)|work_item\b.*?evaluation=(\d+).*?engine_s=([\d.]+)"
)
ROWS = """
    select e.id, e.created_at, e.started_at, e.finished_at, e.state
    from submissions_evaluation e join submissions_submission s on s.id = e.submission_id
    where replace(s.uuid, '-', '') = ?
"""


@dataclass(frozen=True)
class Parts:
    """Seconds of one submission; `deliver` (until the page's event stream has told) comes after the grade."""

    submit: float
    ring_and_claim: float
    load_and_record: float
    engine: float
    deliver: float

    @property
    def outside(self) -> float:
        return self.submit + self.ring_and_claim + self.load_and_record


def parts(click: float, created: float, started: float, finished: float, seen: float, engine: float) -> Parts:
    """From points in time (seconds since the epoch) and the engine's seconds."""
    return Parts(created - click, started - created, finished - started - engine, engine, seen - finished)


def engine_seconds(lines: Iterable[str], evaluation: int) -> float:
    """What the worker's log says of the evaluation's work items."""
    found = [match.groups() for line in lines if (match := ITEM.search(line))]
    pairs = [(first or last, one or other) for first, one, other, last in found]
    return sum(float(seconds) for seconds, number in pairs if number and int(number) == evaluation)


def moment(text: str) -> float:
    """A time of the database, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def median(measured: Sequence[Parts]) -> dict[str, float]:
    """Of each part, and of all that is outside the engine."""
    names = [*asdict(measured[0]), "outside"]
    return {name: statistics.median(getattr(one, name) for one in measured) for name in names}


class Clicks:
    """A learner who submits the cheapest passing prompt baseline, again and again."""

    def __init__(self, address: str, site: Any, choice: Any) -> None:
        from tests.smoke.visitor import Visitor

        self.site, self.choice = site, choice
        self.visitor = Visitor(address)
        self.visitor.http.event_hooks = {"request": [self._note]}
        self.posted = 0.0

    def _note(self, request: Any) -> None:
        if request.method == "POST":
            self.posted = time.time()

    def sign_up(self) -> None:
        fields = {"email": "clicks@example.org", "password1": secrets.token_urlsafe(16)}
        self.visitor.submit("/accounts/signup/", "/accounts/signup/", fields)

    def measure(self) -> Parts:
        """Raises `MismatchError` where the submission is not scored."""
        from tests.smoke.report import expect
        from tests.smoke.story import uuid_in

        slug = self.choice.slug
        page = f"/challenges/{slug}/?kind=prompt"
        answer = self.visitor.submit(page, f"/challenges/{slug}/submit", self.choice.fields())
        uuid = uuid_in(str(answer.url))
        self.visitor.follow(f"/submissions/{uuid}/events", GRADE_SECONDS)
        seen = time.time()
        number, created, started, finished, state = self._row(uuid)
        expect(state == "scored", f"the submission is {state}")
        return parts(self.posted, created, started, finished, seen, self._engine(number))

    def _row(self, uuid: str) -> tuple[int, float, float, float, str]:
        with sqlite3.connect(f"file:{self.site.folder / 'gradus.sqlite3'}?mode=ro", uri=True) as database:
            number, *times, state = database.execute(ROWS, [uuid.replace("-", "")]).fetchone()
        created, started, finished = map(moment, times)
        return number, created, started, finished, state

    def _engine(self, evaluation: int) -> float:
        """The log's lines come a moment after the grade: `recorded` is the last of them."""
        from tests.smoke.report import expect

        done = re.compile(rf"\brecorded\b.*evaluation={evaluation}\b")
        found = wait_for(lambda: any(done.search(line) for line in list(self.site.lines)), LOG_SECONDS)
        seconds = engine_seconds(list(self.site.lines), evaluation)
        expect(found and seconds > 0, "the worker's log says nothing of the engine's seconds")
        return seconds


def wait_for(ready: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (found := ready()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def run(times: int) -> list[Parts]:
    """The first submission loads the model and is left out."""
    from challenges.reading import read_course
    from tests.smoke import baselines
    from tests.smoke.site import Site
    from tests.smoke.story import LIBRARY

    os.environ["GRADUS_LOG_LEVEL"] = "INFO"
    with tempfile.TemporaryDirectory(prefix="gradus-latency-") as folder:
        site = Site(Path(folder))
        try:
            site.take_models()
            choice = baselines.good(read_course(LIBRARY), "prompt")
            clicks = Clicks(site.start(START_SECONDS), site, choice)
            clicks.sign_up()
            hidden = len(choice.bundle.hidden)
            print(f"{choice.name}: {hidden} hidden rows, {len(choice.bundle.public)} public ones", flush=True)
            clicks.measure()
            return [told(clicks.measure()) for _ in range(times)]
        finally:
            site.stop()


def told(found: Parts) -> Parts:
    print(line({**asdict(found), "outside": found.outside}), flush=True)
    return found


def line(seconds: dict[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value * 1000:.0f} ms" for name, value in seconds.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=7, help="submissions after the first; a day has ten attempts")
    parser.add_argument("--json", type=Path, help="write each part of each submission, and the medians")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
    django.setup()
    found = run(given.times)
    middle = median(found)
    print(f"median of {len(found)}: {line(middle)}")
    print(f"outside the engine {middle['outside'] * 1000:.0f} ms; the goal is under {GOAL_S * 1000:.0f} ms")
    if given.json:
        given.json.write_text(json.dumps({"each": [asdict(one) for one in found], "median": middle}, indent=2) + "\n")


if __name__ == "__main__":
    main()
