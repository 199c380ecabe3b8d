"""A site of its own for crowds: a database, the web servers of production, and answers about its rows.

Run as a program it is the part inside Django: it reads one word of `DOES` and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import migrated
from tests.browser.driver.site import free_port, wait_for
from tests.faults.site import ROOT, database, environment

CHALLENGE = "sea-or-sky"
ALLOWED = 10
# Of each class, within a day's 100 attempts. Both scores are shown as 0.70.
RESULTS = 40
HIDDEN_SCORES = (0.7003, 0.7193)


@dataclass(frozen=True)
class CrowdSite:
    ports: tuple[int, ...]
    env: dict[str, str]

    def ask(self, does: str, *words: str) -> Any:
        argv = [sys.executable, "-m", "tests.security.crowd_site", does, *words]
        done = subprocess.run(argv, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)


@contextmanager
def opened(
    postgres: str | None, *, application: str = "gradus.asgi:application", attempts: int = ALLOWED
) -> Iterator[CrowdSite]:
    """On SQLite with one web server, as `make up` starts it; on PostgreSQL with two, as behind a proxy."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gradus-crowd-")))
        env = environment(folder, stack.enter_context(database(postgres)), lease=60, heartbeat=10)
        env.pop("GRADUS_FAILPOINTS")
        if postgres is None:
            migrated.copy_sqlite(folder / "gradus.sqlite3")
        site = CrowdSite(tuple(free_port() for _ in range(2 if postgres else 1)), env)
        site.ask("prepare", str(folder / "course"), str(attempts))
        for port in site.ports:
            stack.enter_context(served(port, site, application))
        yield site


@contextmanager
def served(port: int, site: CrowdSite, application: str) -> Iterator[None]:
    argv = [*site.ask("server", str(port))[:-1], application]
    log = Path(site.env["GRADUS_DATA_DIR"]) / f"web-{port}"
    with log.open("wb") as out, subprocess.Popen(argv, cwd=ROOT, env=site.env, stdout=out, stderr=out) as web:
        try:
            wait_for(port)
            yield
        finally:
            web.terminate()
            web.wait(30)


# --- inside Django ----------------------------------------------------------------------------------------------


def prepare(folder: str, attempts: str) -> None:
    from django.conf import settings
    from django.core.management import call_command

    from challenges.reading import read_course
    from gradus.courses.services import publish
    from tests.challenges.factory import write_course, write_prompt_challenge

    call_command("migrate", interactive=False, verbosity=0)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    course = write_course(Path(folder))
    write_prompt_challenge(course / "first" / CHALLENGE, limits={"attempts_per_day": int(attempts)})
    publish(read_course(course))


def server(port: str) -> list[str]:
    from gradus.operations import programs

    return list(programs.web("127.0.0.1", int(port), "").argv)


def learner(used: str) -> list[Any]:
    """A new one's id and token, with so many of today's attempts used and graded. What waits is cancelled."""
    from gradus.accounts.models import User
    from gradus.submissions import services
    from gradus.submissions.models import Evaluation
    from tests import factories
    from tests.faults.clients import make_users

    for waiting in Evaluation.objects.open().select_related("submission"):
        services.cancel(waiting.submission)
    ((pk, token),) = make_users(1)
    for _ in range(int(used)):
        factories.grade(factories.submit(User.objects.get(pk=pk)))
    return [pk, token]


def session(pk: str) -> str:
    from gradus.accounts.models import User
    from tests.browser.conftest import session_of

    return session_of(User.objects.get(pk=pk))


def worlds() -> dict[str, Any]:
    """A learner with results of equal shown score whose hidden sides differ in every way."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    from gradus.accounts.models import User
    from gradus.submissions.models import Score
    from tests import factories
    from tests.browser.conftest import session_of

    pk, token = learner("0")
    user, graded = User.objects.get(pk=pk), ([], [])
    for number in range(2 * RESULTS):
        label = number % 2
        raw = storages["private"].save("raw/x.json", ContentFile(b"[]" if label else b"x" * 500_000))
        submission = factories.submit(user)
        factories.grade(submission, HIDDEN_SCORES[label], private_score=0.2 + 0.7 * label, raw=raw, overlap=12 * label)
        graded[label].append(str(submission.uuid))
    told = Score.objects.order_by("pk").values_list("value", "evaluation__overlap")[:2]
    return {"token": token, "session": session_of(user), "graded": graded, "hidden": list(told)}


def rows(pk: str) -> dict[str, int]:
    from gradus.submissions.budgets import limits
    from gradus.submissions.models import Evaluation, Slot, Submission

    mine = Submission.objects.filter(user=pk)
    return {
        "submissions": mine.count(),
        "slots": Slot.objects.of(limits.ATTEMPTS).filter(user=pk).count(),
        "in_flight": Slot.objects.of(limits.OPEN_SUBMISSIONS).filter(user=pk).count(),
        "evaluations": Evaluation.objects.filter(submission__in=mine).count(),
        "open": Evaluation.objects.open().filter(submission__in=mine).count(),
    }


DOES = {"prepare": prepare, "server": server, "learner": learner, "session": session, "rows": rows, "worlds": worlds}

if __name__ == "__main__":
    import django

    django.setup()
    said = os.dup(1)
    os.dup2(2, 1)
    os.write(said, json.dumps(DOES[sys.argv[1]](*sys.argv[2:])).encode())
