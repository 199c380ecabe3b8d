"""Enforces the limits of `limits.py`, such as the attempts of a day, when requests arrive at the same time.

Each use takes a numbered row. A unique key on who and the number lets only one of two parallel requests have it,
where counting rows would let both through. A row also stores how many were allowed when it was taken, and a CHECK
constraint keeps its number within that.
"""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from gradus.courses import days, preview
from gradus.refusal import Refused
from gradus.submissions.budgets import limits, quotas
from gradus.submissions.budgets.limits import Limit, Period, Use
from gradus.submissions.models import Evaluation, Refund, Run, Slot, SlotQuerySet, Submission

Done = TypeVar("Done")
# How often a lost race for a slot is tried again. Each loss means that another request has won, so this ends.
RACES = 30


def take(limit: Limit, use: Use, *, submission: Submission | None = None, run: Run | None = None) -> Slot:
    """Takes the lowest free slot within the caller's transaction, for a submission or run if it is one that uses it.

    If all are in use, it takes one of the limit that is used beyond this one, if there is such a limit.

    Raises:
        Refused: 429, all that the limit allows is in use.
        IntegrityError: another transaction has taken this slot meanwhile. See `try_again`.
    """
    for one in filter(None, (limit, limit.beyond)):
        slot = take_if_free(one, use, submission=submission, run=run)
        if slot is not None:
            return slot
    raise _refused(limit, use)


def take_if_free(
    limit: Limit, use: Use, *, submission: Submission | None = None, run: Run | None = None
) -> Slot | None:
    """Does the same as `take`, but returns None instead of refusing."""
    limit.hold(use)
    same, allowed = in_use(limit, use), limit.allowed(use)
    used = set(same.values_list("number", flat=True))
    if len(used) >= allowed:
        return None
    free = next(number for number in count(1) if number not in used)
    return same.create(
        limit=limit.name,
        user=use.user if "user" in limit.per else None,
        scope=limit.scope(use),
        period=limit.current_period(use),
        number=free,
        allowed=allowed,
        submission=submission,
        run=run,
    )


def in_use(limit: Limit, use: Use) -> SlotQuerySet:
    """The slots that count towards a limit now."""
    user = use.user if "user" in limit.per else None
    whose = {"user": user} if user else {"user__isnull": True}
    return Slot.objects.of(limit).filter(scope=limit.scope(use), period=limit.current_period(use), **whose)


def left(limit: Limit, use: Use) -> int:
    """How often it may still be done; a visitor who is nobody yet has used nothing.

    It is 0 if a change of the limit allows less than what has been used. Where nothing is left of this limit, it is
    what is left of the limit beyond it, which is asked for only then, because most pages need not know.
    """
    nobody = "user" in limit.per and use.user is None
    allowed = limit.allowed(use)
    free = max(0, allowed - in_use(limit, use).count()) if allowed and not nobody else allowed
    return left(limit.beyond, use) if limit.beyond and use.of_class and not free else free


def attempts_left(use: Use) -> int:
    """How many attempts at the challenge the learner has left today, by all limits together; see `left`."""
    return min(left(limit, use) for limit in limits.OF_A_DAY if limit.concerns(use))


def attempts_allowed(use: Use) -> int:
    """How many attempts at the challenge a day has, by all limits together and without granted ones."""
    return min(limit.allowed(use) for limit in limits.OF_A_DAY if limit.concerns(use))


def _refused(limit: Limit, use: Use) -> Refused:
    values, retry_after = {"count": limit.allowed(use), "zone": ""}, limit.retry_after
    if limit.period is Period.DAY:
        values["zone"] = use.course.timezone
        retry_after = days.seconds_to_midnight(use.course.timezone)
    said = str(limit.words % values)
    problem = {"code": limit.code, "field": limit.field, "message": said, "line": None}
    problems = [problem] if limit.field else _open_submissions(limit, use)
    return Refused(limit.code, said, 429, problems=problems, retry_after=retry_after)


def _open_submissions(limit: Limit, use: Use) -> list[dict[str, Any]]:
    """Returns a problem with the address of its page for each submission that is open and uses the limit."""
    if limit.period is not Period.OPEN:
        return []
    slots = in_use(limit, use).select_related("submission__challenge").order_by("number")
    problems = []
    for submission in (slot.submission for slot in slots if slot.submission is not None):
        begun = date_format(localtime(submission.created_at), "DATETIME_FORMAT")
        message = gettext("“%(title)s”, submitted on %(date)s") % {"title": submission.challenge.title, "date": begun}
        url = reverse("learn:submission", args=[submission.uuid])
        problems.append({"code": limit.code, "field": "", "message": message, "line": None, "url": url})
    return problems


def try_again(work: Callable[[], Done]) -> Done:
    """Calls `work` in a transaction, or a savepoint within one, and calls it again if it lost a race for a slot.

    All work that needs a slot begins here, so this is where a preview refuses it.

    Raises:
        Refused: 409, this is a preview, or it has lost the race `RACES` times.
    """
    preview.refuse()
    for _ in range(RACES):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            continue
    raise Refused("busy", gettext("Several of your requests arrived at once. Please try again."), 409, retry_after=1)


def release(evaluation: Evaluation) -> None:
    """Frees the slots that an open submission or run of this evaluation holds, and what it holds of budgets."""
    quotas.end(evaluation)
    until_the_end = Slot.objects.of(*limits.UNTIL_THE_END)
    if evaluation.run_id is not None:
        until_the_end.filter(run_id=evaluation.run_id).delete()
    if evaluation.submission_id is not None:
        until_the_end.filter(submission_id=evaluation.submission_id).delete()


def give_back(submission: Submission, reason: str) -> None:
    """Gives the attempt of a learner or guest back and records why. Calling it twice changes nothing more."""
    given_back, _ = Slot.objects.of(*limits.GIVEN_BACK).filter(submission=submission).delete()
    if given_back:
        Refund.objects.get_or_create(submission=submission, defaults={"reason": reason})
