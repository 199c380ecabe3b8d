"""Attempts that the rehearsal makes, what became of them, and what the database says about all attempts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction

from benchmarks.web import seed
from gradus.accounts.models import User
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Score, Submission
from tests.faults import history
from tests.waiting import wait_until

MOST_SECONDS = 420.0
EACH = 2


@dataclass
class Made:
    """Attempts of one phase, by their keys."""

    submissions: list[Submission]

    def current(self) -> Any:
        return Evaluation.objects.filter(submission__in=self.submissions, is_current=True)

    def are_running(self, count: int) -> bool:
        return known(lambda: self.current().filter(state="running").count() >= count)

    def have_ended(self) -> bool:
        return known(lambda: not self.current().open().exists())

    def wrong(self) -> list[str]:
        """Returns the jobs that do not have exactly one final grade."""
        found = []
        for one in self.submissions:
            scores = Score.objects.filter(evaluation__submission=one).count()
            states = list(Evaluation.objects.filter(submission=one).values_list("state", flat=True))
            if scores != 1 or states != ["scored"]:
                found.append(f"submission {one.pk}: {states}, {scores} scores")
        return found

    def per_minute(self) -> float:
        """How many ended in a minute, from the first claim to the last end, by the database's clock."""
        times = list(self.current().values_list("started_at", "finished_at"))
        seconds = max(end for _, end in times) - min(begin for begin, _ in times)
        return float(60 * len(times) / seconds.total_seconds())


def known(ask: Callable[[], bool]) -> bool:
    """False while the database cannot be asked."""
    try:
        return ask()
    except DatabaseError:
        connection.close()
        return False


class People:
    """Learners with their sessions, and others who make attempts without a browser, each a few."""

    def __init__(self, learners: int, others: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(seed.PEOPLE, {"people": learners + others})
        users = list(User.objects.filter(username__startswith="load-").order_by("pk"))
        self.sessions = list(seed.sessions(user.pk for user in users[:learners]).values())
        self._others: Iterator[User] = iter(users[learners:])
        self._number = itertools.count()

    def submit(self, count: int, payload: dict[str, Any] | None = None, challenge: Any = None) -> Made:
        made: list[Submission] = []
        while len(made) < count:
            user = next(self._others)
            for _ in range(min(EACH, count - len(made))):
                number = next(self._number)
                text = payload or {**seed.PROMPT, "instructions": f"Name the doctor. {number}"}
                one, _ = services.submit(user, challenge or seed.board(), text, idempotency_key=f"fleet-{number}")
                made.append(one)
        return Made(made)


def ended(made: Made, what: str) -> None:
    wait_until(made.have_ended, lambda: what, seconds=MOST_SECONDS)


def all_ended() -> bool:
    return known(lambda: not Evaluation.objects.open().exists())


def verdict(made: list[Made]) -> dict[str, Any]:
    """The model of all states over the whole database; see `tests/faults/history.py`."""
    return history.read({one.idempotency_key for part in made for one in part.submissions}).as_dict()
