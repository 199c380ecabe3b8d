"""A site in a folder of its own: seeded with the class's answers, graded without a judge, and served.

Only what versions 0.3.0 and later have is used, so that the pages of two versions can be compared.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.desk.rows import ATTEMPTS, Answer, answers

ROOT = Path(__file__).resolve().parents[2]
REVIEWER = "reviewer"
EMAIL = f"{REVIEWER}@example.org"
PAGES = "pages.log"
DATABASE = "gradus.sqlite3"
# What a seeded site follows from: the code, the course, and the answers.
SOURCES = ("challenges", "graders", "platform", "workers")
KINDS = {".py", ".jsonl", ".yaml", ".json", ".md"}


def open_site(folder: Path) -> None:
    """Starts Django on the folder. Call it once in a process: Django has one set of settings.

    A site that an earlier state of the code has seeded gets the tables of this one.
    """
    sys.path.insert(0, str(ROOT / "platform"))
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "gradus.settings",
            # The process that computes embeddings is of this code, too, whatever is installed.
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
            "GRADUS_DATA_DIR": str(folder.resolve()),
            "DATABASE_URL": f"sqlite:///{folder.resolve() / DATABASE}",
            "REDIS_URL": "",
            "GRADUS_PRODUCTION": "0",
            "GRADUS_DEBUG": "0",
            "GRADUS_SECRET_KEY": "",
            "GRADUS_JUDGE_MODEL": "",
            "GRADUS_LOG_LEVEL": "ERROR",
            "EMAIL_URL": "consolemail://",
        }
    )
    import django

    django.setup()
    from gradus.operations import first_start

    first_start.protect()
    first_start.migrate()


def seed(folder: Path, cache: Path, models: Path) -> str:
    """Fills the new folder, and returns the reviewer's password.

    The first call for a state of the code grades all answers, which takes minutes; later ones copy its site.
    Raises FileExistsError if there is something in the folder.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder")
    kept = cache / state_of_code()
    if not kept.exists():
        working = cache / f"{kept.name}.part"
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        (working / "models").symlink_to(models.resolve())
        open_site(working)
        _fill()
        from django.db import connections

        connections.close_all()
        working.rename(kept)
        _reopen(kept, folder)
    else:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        open_site(folder)
    return _set_password()


def _reopen(kept: Path, folder: Path) -> None:
    """Continues in the folder although Django was started on the cache: only the database's name is used from here."""
    from django.conf import settings
    from django.db import connections

    shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
    settings.DATABASES["default"]["NAME"] = str(folder.resolve() / DATABASE)
    connections["default"].settings_dict["NAME"] = settings.DATABASES["default"]["NAME"]


def state_of_code() -> str:
    """A digest of all that decides what a seeded site holds."""
    found = hashlib.sha256("\n".join(row.answer for row in answers()).encode())
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in KINDS and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _fill() -> None:
    from gradus.courses.models import Course
    from gradus.operations import first_start
    from gradus.operations.console import Console
    from workers.work import Worker

    first_start.publish_course(Console())
    course = Course.objects.get()
    rows = answers()
    learners = enrol(course, {row.learner for row in rows})
    worker = Worker("judge")
    try:
        for attempt in ATTEMPTS:
            # One question at a time, because a learner has only few submissions in flight.
            for question in sorted({row.question for row in rows}):
                for row in rows:
                    if (row.attempt, row.question) == (attempt, question):
                        submit(learners[row.learner], row)
                while worker.step():
                    pass
    finally:
        worker.close()
    _check(len(rows))


def enrol(course: Any, numbers: Iterable[int]) -> dict[int, Any]:
    """Enrols the reviewer, who grades, and the learners with these numbers. Returns the learners by their number."""
    from gradus.accounts.models import Enrolment, User
    from gradus.accounts.token_rules import LearnerData

    reviewer = User.objects.create_user(REVIEWER, EMAIL, pseudonym=REVIEWER)
    Enrolment.objects.create(user=reviewer, course=course, learner_data=LearnerData.EDITOR)
    learners = {}
    for number in sorted(numbers):
        name = f"learner-{number:02}"
        learners[number] = User.objects.create_user(name, f"{name}@example.org", pseudonym=name)
        Enrolment.objects.create(user=learners[number], course=course)
    return learners


def submit(learner: Any, row: Answer) -> None:
    """Hands in an answer."""
    from gradus.courses.models import Challenge
    from gradus.submissions import services

    options: dict[str, Any] = {"idempotency_key": row.id}
    if "withdraw_earlier" in inspect.signature(services.submit).parameters:
        options["withdraw_earlier"] = True
    challenge = Challenge.objects.shown().get(slug=row.question)
    services.submit(learner, challenge, {"kind": "free_text", "answer": row.answer}, **options)


def _check(count: int) -> None:
    """Raises RuntimeError where an answer neither waits for a person nor was given back."""
    from gradus.submissions.models import Evaluation

    states = list(Evaluation.objects.filter(is_current=True, submission__isnull=False).values_list("state", flat=True))
    if len(states) != count or set(states) - {"review", "cancelled"}:
        raise RuntimeError(f"not all {count} answers wait for a person: { {one: states.count(one) for one in states} }")


def _set_password() -> str:
    from allauth.account.models import EmailAddress

    from gradus.accounts.models import User

    password = secrets.token_urlsafe(9)
    reviewer = User.objects.get(username=REVIEWER)
    reviewer.set_password(password)
    reviewer.save(update_fields=["password"])
    owned = {"verified": True, "primary": True}
    EmailAddress.objects.update_or_create(user=reviewer, email=reviewer.email, defaults=owned)
    return password


@contextmanager
def serving(folder: Path, port: int) -> Iterator[str]:
    """Serves the folder's site, and notes each request in `PAGES`: the time, the method, the path."""
    open_site(folder)
    from django.conf import settings

    settings.MIDDLEWARE = ["benchmarks.desk.pages.note", *settings.MIDDLEWARE]
    from tests.browser.driver.site import Site, wait_for

    site = Site(settings.BASE_DIR / "static")
    site.port = port
    site.start()
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        site.stop()
