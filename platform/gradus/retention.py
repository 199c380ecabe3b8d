"""How long things are kept: one entry for each kind of thing, with how its time is counted and what deletes it.

The reconciler deletes the rows of all entries in each round. `docs/operations/upkeep.md` has the table that `table`
returns. Every module that needs one of these times takes it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from challenges.jobs import VECTORS_KEPT
from gradus.accounts import deletion

log = structlog.get_logger(__name__)
RECONCILER = "the reconciler"


@dataclass(frozen=True)
class Kept:
    """A kind of thing, the time for which it is kept, and from when on: "after the end of its grading".

    `over` returns the rows whose time is over, given the latest moment at which it began for them. `delete` deletes
    rows that one statement cannot. Neither is set where something else than the reconciler's rounds deletes, which
    `deleted_by` names. `setting` is the variable that sets the time. `kept_for` is None where `since` names an end.
    """

    what: str
    kept_for: timedelta | Callable[[], timedelta] | None
    since: str
    over: Callable[[datetime], QuerySet[Any]] | None = None
    delete: Callable[[timedelta], int] | None = None
    deleted_by: str = RECONCILER
    setting: str = ""

    @property
    def time(self) -> timedelta:
        time = self.kept_for() if callable(self.kept_for) else self.kept_for
        assert time is not None, self.what
        return time

    def carry_out(self) -> int:
        """Deletes what is over, and returns how many rows that were, with those that hung on them."""
        if self.delete is not None:
            return self.delete(self.time)
        if self.over is None:
            return 0
        began = timezone.now() if self.kept_for is None else timezone.now() - self.time
        return self.over(began).delete()[0]

    @property
    def how_long(self) -> str:
        return self.since if self.kept_for is None else f"{_words(self.time)} {self.since}"

    def line(self) -> str:
        """The line of the documentation's table."""
        setting = f" (`{self.setting}`)" if self.setting else ""
        return f"| {self.what} | {self.how_long}{setting} | {self.deleted_by} |"


def _words(time: timedelta) -> str:
    return "1 day" if time.days == 1 else f"{time.days} days"


def _rows(label: str) -> Any:
    return apps.get_model(label)._default_manager.all()


def _delete_accounts(kept_for: timedelta) -> int:
    """Deletes those that are due. By its name, because the service knows all apps, and they know this module."""
    count: int = import_string("gradus.own_data.deletion.carry_out")()
    return count


def _ended_runs(began: datetime) -> QuerySet[Any]:
    """Returns the runs whose own time is over, whatever they were for."""
    ended = _rows("submissions.Run").filter(expires_at__lt=timezone.now())
    over: QuerySet[Any] = ended.exclude(evaluations__in=_rows("submissions.Evaluation").open())
    return over


GUESTS = Kept(
    "visitors without an account, with all that they did",
    lambda: timedelta(days=settings.GUEST_DAYS),
    "after their last visit",
    delete=deletion.delete_guests,
    setting="GRADUS_GUEST_DAYS",
)
DELETED_ACCOUNTS = Kept(
    "accounts whose deletion was asked for",
    timedelta(days=7),
    "after the request, unless the person keeps the account",
    delete=_delete_accounts,
)
SESSIONS = Kept(
    "sessions of browsers",
    lambda: timedelta(seconds=settings.SESSION_COOKIE_AGE),
    "after the log-in; those of visitors without an account as long as the visitor",
    over=lambda began: _rows("sessions.Session").filter(expire_date__lt=timezone.now()),
)
LAUNCHES = Kept(
    "launches from learning platforms; the platform's message goes when the browser has come for it",
    None,
    "11 minutes after the launch; an hour, where a teacher picks pages",
    over=lambda began: _rows("lti.Launch").filter(expires_at__lt=timezone.now()),
)
DELETED_PEOPLE = Kept(
    "digests of learning platforms' ids of people whose accounts were deleted",
    None,
    "until they come from the platform again",
    deleted_by="their launch",
)
# A learner comes back to trials: they are listed, named, compared and restored.
TRIALS = Kept("trial runs on public samples", timedelta(days=90), "after their start", over=_ended_runs)
CHATS = Kept(
    "messages to trained models, with their answers",
    timedelta(days=7),
    "after they were sent",
    over=_ended_runs,
)
MEASUREMENTS = Kept("measurements of costs", timedelta(days=365), "after their start", over=_ended_runs)
OTHER_RUNS = Kept(
    "other runs: of the demo, of findings, and those that verify a challenge or an attempt",
    timedelta(days=7),
    "after their start",
    over=_ended_runs,
)
# The losses of a training run stay in its result.
EVENTS = Kept(
    "events of gradings, such as the steps of a training run",
    timedelta(days=30),
    "after the end of the grading",
    over=lambda began: _rows("submissions.Event").filter(evaluation__finished_at__lt=began),
)
NOTICES = Kept(
    "notices",
    timedelta(days=90),
    "after they were made",
    over=lambda began: _rows("notices.Notice").filter(created_at__lt=began),
)
# A day of any time zone has ended by then.
NETWORKS = Kept(
    "counts of a network's attempts",
    timedelta(days=2),
    "after their day",
    over=lambda began: _rows("submissions.Slot").filter(limit="network_attempts", period__lt=f"{began:%Y-%m-%d}"),
)
COUNTS = Kept(
    "counts of requests, while Redis is away",
    None,
    "until their limit begins anew",
    over=lambda began: _rows("accounts.LimitCount").filter(expires__lt=timezone.now()),
)
INVITATIONS = Kept(
    "invitations to courses",
    timedelta(days=14),
    "after they were made",
    over=lambda began: _rows("teach.Invitation").filter(created_at__lt=began),
)
WORKERS = Kept(
    "reports of workers that are gone",
    timedelta(days=1),
    "after the last one",
    over=lambda began: _rows("submissions.WorkerStatus").filter(last_seen__lt=began),
)
RECONCILERS = Kept(
    "reports of reconcilers that are gone",
    timedelta(days=1),
    "after the last one",
    over=lambda began: _rows("submissions.ReconcilerStatus").filter(last_run__lt=began),
)
# A reader may still have a file open that its row has just stopped naming.
FILES = Kept(
    "stored files that no row names any more, and what was trained for a grading that has ended",
    timedelta(days=1),
    "after they were written",
    deleted_by="the reconciler, once an hour",
)
# Their files are then stored files that no row names any more.
UPLOADS = Kept(
    "archives of courses that were not sent to their end, or not pushed",
    timedelta(days=1),
    "after their last part",
    over=lambda began: _rows("courses.Upload").filter(expires_at__lt=timezone.now()),
)
# Their archives, and the bundles that only they had, are then stored files that no row names any more.
DRAFTS = Kept(
    "drafts of courses that were replaced or discarded",
    timedelta(days=30),
    "after their end",
    over=lambda began: _rows("courses.CourseVersion").filter(state__in=("replaced", "discarded"), ended_at__lt=began),
)
CHECKPOINTS = Kept(
    "whole models of full fine-tuning",
    None,
    "until they are graded, unless `GRADUS_KEEP_CHECKPOINTS` is set",
    deleted_by="the worker",
)
VECTORS = Kept(
    "embeddings of gold answers and of passages",
    VECTORS_KEPT,
    "after a worker last loaded them",
    deleted_by="workers, and once an hour the reconciler",
)
WORK = Kept(
    "what a person with an account has written, chosen and been told: attempts, adapters, messages, answers, reports",
    None,
    "as long as the account",
    deleted_by="the reconciler, when the account is deleted",
)
NAMELESS = Kept(
    "scores, ranks, grades of classes and decisions, without a name once the account is deleted",
    None,
    "as long as the site",
    deleted_by="nobody",
)
LOGS = Kept(
    "published bundles, the log of staff (with a pseudonym for deleted accounts), public keys of receipts",
    None,
    "as long as the site",
    deleted_by="nobody",
)

ALL = tuple(one for one in list(vars().values()) if isinstance(one, Kept))


def carry_out() -> int:
    """Deletes everything whose time is over, and returns the number of rows."""
    return sum(map(_carry_out, ALL))


def _carry_out(kept: Kept) -> int:
    try:
        return kept.carry_out()
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with these: all others are deleted
        log.exception("not_deleted", what=kept.what, reason=type(error).__name__)
        return 0


def table() -> str:
    """The table of the documentation, in Markdown."""
    return "\n".join(("| what | how long | deleted by |", "| --- | --- | --- |", *(one.line() for one in ALL)))
