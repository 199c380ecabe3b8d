"""How often somebody may do something: one entry for each limit, with its number, its period and its words.

`slots.py` enforces them with rows of the table `Slot`. The names of limits are stored.

A new limit for what each submission uses is an entry here, and its code one in `api/codes.py`. The challenge's page
says how many attempts are left (`learn/challenge_page.py`). Whatever else is limited calls `slots.take` in its service,
and what is neither a submission nor a run is named in the constraint `a_slot_is_of_one_thing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy, ngettext_lazy

from gradus.accounts.models import User
from gradus.classes.models import Class, Grant
from gradus.courses import days
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.submissions.models.quotas import Quota


@dataclass(frozen=True)
class Use:
    """Who does something, and where: a limit counts separately for those of these fields that its `per` names.

    `network` is what `accounts.rate_limits.hashed_network` returned, empty if its attempts are not counted.
    `measured` is an attempt or a baseline whose costs are measured. `of_class` is the class for which it
    counts, or the key of that class.
    """

    user: User | None = None
    challenge: Challenge | None = None
    lesson: Lesson | None = None
    finding: str = ""
    network: str = ""
    version: ChallengeVersion | None = None
    measured: str = ""
    of_class: Class | int | None = None

    @property
    def course(self) -> Course:
        lesson = self.challenge.lesson if self.challenge else self.lesson
        assert lesson is not None
        return lesson.course

    @cached_property
    def budgets(self) -> dict[str, int]:
        """How many attempts of a day the course and the class allow each learner, if they say: by `course`, `of_class`.

        It is asked once for each use.
        """
        if self.challenge is None:
            return {}
        given = self.of_class
        of_class = given if given is None or isinstance(given, int) else given.pk
        found = Quota.objects.in_force().about(self.challenge.course_id, of_class).filter(what=Quota.What.ATTEMPTS)
        return {"of_class" if one.of_class_id else "course": one.allowed for one in found}


class Period(Enum):
    DAY = auto()  # In the course's time zone.
    OPEN = auto()  # Until the submission or run ends.
    EVER = auto()


@dataclass(frozen=True)
class Limit:
    """A limit; `words` may contain `%(count)s`, what is allowed, and `%(zone)s`, the course's time zone.

    Where all is used, a request is refused with `code`, `words`, and `retry_after` in seconds; a limit of a day names
    the seconds until midnight. `field` is that of a form beside which the words appear.
    """

    name: str
    period: Period
    allowed: Callable[[Use], int]
    per: tuple[str, ...] = ("user",)
    code: str = ""
    words: Any = ""
    retry_after: int | None = None
    field: str = ""
    # Whether each submission uses it, and of which submissions.
    each_submission: bool = False
    concerns: Callable[[Use], Any] = lambda use: True
    # Whether an attempt that is given back frees it.
    given_back: bool = False
    # What is used where all of this one is used.
    beyond: Limit | None = None
    # Locks the rows that decide what is allowed, before one of it is taken.
    hold: Callable[[Use], None] = lambda use: None

    def scope(self, use: Use) -> str:
        """What a use counts for, beside the user: each name in `per` with its value, or with the key of its row."""
        values = {name: getattr(use, name) for name in self.per if name != "user"}
        return ", ".join(f"{name} {getattr(value, 'pk', value)}" for name, value in values.items())

    def current_period(self, use: Use) -> str:
        return days.today(use.course.timezone).isoformat() if self.period is Period.DAY else ""


def _attempts(use: Use) -> int:
    assert use.challenge is not None
    return use.challenge.spec.limits.attempts_per_day


def _granted(use: Use) -> int:
    """Returns how many attempts at the challenge were granted to the member of the class, on all days together."""
    if use.user is None or use.of_class is None:
        return 0
    return int(_grants(use).aggregate(all=Sum("attempts", default=0))["all"])


def _grants(use: Use) -> QuerySet[Grant]:
    mine = Grant.objects.in_force().filter(member__user=use.user, member__of_class=use.of_class)
    return mine.filter(challenge=use.challenge)


def _hold_grants(use: Use) -> None:
    """Keeps the grants from being withdrawn until the transaction ends."""
    list(_grants(use).select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk"))


GRANTED_ATTEMPTS = Limit(
    "granted_attempts",
    Period.EVER,
    _granted,
    per=("user", "challenge", "of_class"),
    given_back=True,
    hold=_hold_grants,
)
# Of several limits that are all used, a submission is refused for the first.
ATTEMPTS = Limit(
    "attempts",
    Period.DAY,
    _attempts,
    per=("user", "challenge"),
    each_submission=True,
    given_back=True,
    code="over_quota",
    words=ngettext_lazy(
        "You have used today's attempt. The next one comes at midnight (%(zone)s). Runs on public samples are "
        "still free.",
        "You have used all %(count)s attempts of today. New ones come at midnight (%(zone)s). Runs on public "
        "samples are still free.",
        "count",
    ),
    beyond=GRANTED_ATTEMPTS,
)
CLASS_ATTEMPTS = Limit(
    "class_attempts",
    Period.DAY,
    lambda use: use.budgets["of_class"],
    per=("user", "of_class"),
    each_submission=True,
    concerns=lambda use: "of_class" in use.budgets,
    given_back=True,
    code="over_budget",
    words=ngettext_lazy(
        "Your class allows each learner %(count)s attempt a day, for all challenges together, and you have used it. "
        "The next one comes at midnight (%(zone)s). Runs on public samples are still free.",
        "Your class allows each learner %(count)s attempts a day, for all challenges together, and you have used "
        "them. New ones come at midnight (%(zone)s). Runs on public samples are still free.",
        "count",
    ),
    beyond=GRANTED_ATTEMPTS,
)
COURSE_ATTEMPTS = Limit(
    "course_attempts",
    Period.DAY,
    lambda use: use.budgets["course"],
    per=("user", "course"),
    each_submission=True,
    concerns=lambda use: "course" in use.budgets,
    given_back=True,
    code="over_budget",
    words=ngettext_lazy(
        "This course allows each learner %(count)s attempt a day, for all challenges together, and you have used "
        "it. The next one comes at midnight (%(zone)s). Runs on public samples are still free.",
        "This course allows each learner %(count)s attempts a day, for all challenges together, and you have used "
        "them. New ones come at midnight (%(zone)s). Runs on public samples are still free.",
        "count",
    ),
    beyond=GRANTED_ATTEMPTS,
)
GUEST_ATTEMPTS = Limit(
    "guest_attempts",
    Period.EVER,
    lambda use: settings.GUEST_SUBMISSIONS,
    each_submission=True,
    concerns=lambda use: use.user is not None and use.user.is_guest,
    given_back=True,
    code="guest_limit",
    words=ngettext_lazy(
        "Without an account you can submit once. Create a free account to go on; what you have done so far stays "
        "yours.",
        "Without an account you can submit %(count)s times. Create a free account to go on; what you have done so "
        "far stays yours.",
        "count",
    ),
)
NETWORK_ATTEMPTS = Limit(
    "network_attempts",
    Period.DAY,
    # A single learner may always use the attempts that the challenge allows, and those that were granted.
    lambda use: max(settings.NETWORK_ATTEMPTS, _attempts(use) + _granted(use)),
    per=("challenge", "network"),
    each_submission=True,
    concerns=lambda use: use.network,
    given_back=True,
    code="network_limit",
    words=gettext_lazy(
        "From your network, %(count)d attempts at this challenge have been handed in today, and more are not "
        "possible. New ones come at midnight (%(zone)s). Runs on public samples are still free. If you learn in a "
        "class, ask the people who run this site to exempt its network."
    ),
)
OPEN_SUBMISSIONS = Limit(
    "open_submissions",
    Period.OPEN,
    lambda use: settings.IN_FLIGHT,
    each_submission=True,
    code="in_flight",
    words=ngettext_lazy(
        "One of your submissions is being graded. Wait for it to end, or cancel it.",
        "%(count)s of your submissions are being graded. Wait for one to end, or cancel one.",
        "count",
    ),
    retry_after=30,
)
OPEN_RUNS = Limit(
    "open_runs",
    Period.OPEN,
    lambda use: 6,
    code="too_many_runs",
    words=gettext_lazy("Several of your runs have not ended yet. Wait for one to end."),
    retry_after=5,
)
# A chat takes no place of a trial.
OPEN_CHATS = Limit(
    "open_chats",
    Period.OPEN,
    lambda use: 1,
    code="chat_open",
    words=gettext_lazy("Your message before this one has not been answered yet. Wait for its answers, or cancel it."),
    retry_after=5,
    field="text",
)
# How many attempts a learner gets back by cancelling them. Those that waited cost the site less than those that ran,
# but without a limit for them, submitting and cancelling in a loop would cost nothing.
CANCELLED_RUNNING = Limit("cancelled_running", Period.DAY, lambda use: 2)
CANCELLED_WAITING = Limit("cancelled_waiting", Period.DAY, lambda use: 10)
MEASUREMENTS = Limit(
    "measurements",
    Period.DAY,
    lambda use: settings.MEASUREMENTS,
    code="too_many_measurements",
    words=ngettext_lazy(
        "You have started %(count)s measurement today, and more are not possible. Come back tomorrow.",
        "You have started %(count)s measurements today, and more are not possible. Come back tomorrow.",
        "count",
    ),
)
# Of parallel requests to measure the same thing, only one starts.
OPEN_MEASUREMENT = Limit("open_measurement", Period.OPEN, lambda use: 1, per=("version", "measured"))
CHAT_MESSAGES = Limit(
    "chat_messages",
    Period.DAY,
    lambda use: settings.CHAT_MESSAGES,
    code="chat_limit",
    words=ngettext_lazy(
        "You have sent %(count)s message today. You can send more from midnight on (%(zone)s).",
        "You have sent %(count)s messages today. You can send more from midnight on (%(zone)s).",
        "count",
    ),
    field="text",
)
REPORTS = Limit(
    "reports",
    Period.DAY,
    lambda use: 5,
    per=("user", "challenge"),
    code="enough_reports",
    words=ngettext_lazy(
        "You have reported %(count)d problem of this challenge today. Thank you. You can report more tomorrow.",
        "You have reported %(count)d problems of this challenge today. Thank you. You can report more tomorrow.",
        "count",
    ),
)
# Sets of a finding's arms that a learner begins.
SETS = Limit(
    "sets",
    Period.DAY,
    lambda use: 10,
    per=("user", "lesson", "finding"),
    code="too_many_sets",
    words=ngettext_lazy(
        "You have run %(count)s set of this finding today. You can run more tomorrow.",
        "You have run %(count)s sets of this finding today. You can run more tomorrow.",
        "count",
    ),
)

ALL = tuple(one for one in list(vars().values()) if isinstance(one, Limit))
# The attempts of a learner on a day: the smallest of these limits decides.
OF_A_DAY = (ATTEMPTS, CLASS_ATTEMPTS, COURSE_ATTEMPTS)
OF_A_SUBMISSION = tuple(one for one in ALL if one.each_submission)
GIVEN_BACK = tuple(one for one in ALL if one.given_back)
UNTIL_THE_END = tuple(one for one in ALL if one.period is Period.OPEN)
