"""A site on a temporary folder, in this process, with people in every state that a page can show."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradus.accounts.models import User
    from gradus.courses.models import Challenge
    from gradus.submissions.models import Submission
    from tests.browser.driver.pages import Pages

# On the long leaderboard.
PEOPLE = 60


@dataclass
class World:
    """`people` by name, `attempts` by their state, and the pages that `furnish` filled."""

    address: str
    people: dict[str, User]
    pages: Pages
    attempts: dict[str, Submission]
    numbers: Iterator[int]

    def fresh(self) -> User:
        """A learner who has done nothing yet, so that no quota stands in the way."""
        from tests import factories

        return factories.UserFactory.create(pseudonym=f"newcomer-{next(self.numbers)}")


@contextmanager
def running(folder: Path) -> Iterator[World]:
    """Starts Django and the site. Call it once in a process: Django has one set of settings."""
    settle_in(folder)
    from tests.browser.driver import site

    people, pages, attempts = fill(folder)
    with site.running() as address:
        yield World(address, people, pages, attempts, itertools.count(1))


def settle_in(folder: Path) -> None:
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "gradus.settings",
            # Playwright's event loop runs in this thread, so Django would refuse to use the database in it.
            "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
            "GRADUS_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'gradus.sqlite3'}",
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


def fill(folder: Path) -> tuple[dict[str, User], Pages, dict[str, Submission]]:
    from tests import factories
    from tests.browser.driver.pages import furnish

    made = factories.UserFactory.create
    names = ("ada", "half", "whole", "nobody")
    people = {name: made(username=name, pseudonym=name) for name in names}
    people["grace"] = made(username="grace", pseudonym="grace", is_staff=True, is_superuser=True)
    pages = furnish(folder / "courses", people["ada"])
    factories.grade(factories.submit(people["half"]), 0.7)
    pass_everything(people["whole"])
    for number in range(PEOPLE):
        factories.grade(factories.submit(made()), 0.3 + 0.6 * number / PEOPLE)
    return people, pages, attempts()


def pass_everything(learner: User) -> None:
    """Passes each challenge that is published with an author's baseline, or as tests do."""
    from challenges.kinds.tune_keys import tune
    from gradus.courses import bundles
    from gradus.courses.models import Challenge
    from tests import factories
    from tests.browser.driver.pages import TICKETS

    payloads: dict[str, Any] = {
        "sea-or-sky": factories.PROMPT,
        "ticket": {**factories.LORA, "rows": TICKETS},
        "explain": factories.FREE_TEXT,
    }
    for challenge in Challenge.objects.shown():
        assert challenge.version is not None
        baselines = bundles.load(challenge.version).baselines
        of_kind = (one.payload.model_dump(mode="json") for one in baselines if one.payload.kind == challenge.kind)
        payload = payloads.get(challenge.slug) or next(of_kind)
        if tune(challenge.spec).own_choices:
            payload = {**payload, "rows": choose_all(learner, challenge)}
        finish(factories.submit(learner, challenge.slug, payload), 0.95)


def choose_all(learner: User, challenge: Challenge) -> list[dict[str, str]]:
    """Chooses the first answer of each pair. Returns the choices as training rows."""
    from gradus.preferences import services as preferences

    for pair in preferences.pairs_of(learner, challenge).all:
        preferences.choose(learner, challenge, pair, preferences.Side.FIRST)
    return preferences.rows_of(learner, challenge)


def finish(submission: Submission, score: float) -> None:
    """Grades an attempt, although others may wait before it; they keep their places."""
    from gradus.submissions import services
    from tests import factories

    before = []
    while (evaluation := services.claim(submission.current.lane, worker="worker-1", profile="cpu")) is not None:
        if evaluation.pk == submission.current.pk:
            break
        before.append(evaluation)
    assert evaluation is not None
    services.record(
        evaluation.pk, evaluation.fence, services.Outcome(score=score, result=factories.result_for(submission))
    )
    for other in before:
        services.release(other.pk, other.fence)


def attempts() -> dict[str, Submission]:
    """One attempt in each state, each of a learner of its own; the last two stay open."""
    from gradus.submissions import services
    from tests import factories
    from tests.browser.driver.tasks import TASKS, begin

    made = factories.UserFactory.create
    found = {}
    for state, score in (("passed", 0.7), ("gold", 0.95), ("below the pass mark", 0.3)):
        found[state] = factories.submit(made())
        factories.grade(found[state], score)
    found |= withheld()
    found["provisional"] = factories.submit(made(), "explain", factories.FREE_TEXT)
    factories.grade(found["provisional"], 0.65, **(TASKS[2].outcome or {}))
    found["cancelled"] = factories.submit(made())
    services.cancel(found["cancelled"])
    found["failed"] = factories.submit(made())
    evaluation = factories.claimed(found["failed"])
    services.reject(evaluation.pk, evaluation.fence, "internal")
    found["running"] = factories.submit(made())
    begin(found["running"])
    found["waiting"] = factories.submit(made())
    return found


def withheld() -> dict[str, Submission]:
    """Attempts for classes whose teachers withhold the grade until a date, or only its details."""
    from django.utils import timezone

    from gradus.classes.models import ReleaseRule
    from tests import factories

    course, found = factories.challenge("sea-or-sky").course, {}
    date = {"score": "date", "score_at": timezone.now() + timedelta(days=9), "details": "hand"}
    for state, rule in (("withheld", date), ("with withheld details", {"details": "hand"})):
        group, learner = factories.a_class(course, title=state), factories.UserFactory.create()
        factories.member(group, learner)
        ReleaseRule.objects.create(of_class=group, **rule)
        found[state] = factories.submit(learner)
        factories.grade(found[state], 0.7)
    return found
