"""The states of an evaluation, and the codes of all errors that end one: the state that each leads to, whether the
attempt is given back, and its message.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"
    REVIEW = "review"
    CANCELLED = "cancelled"


OPEN = (State.QUEUED, State.RUNNING)
GRADED = (State.SCORED, State.REVIEW)
# What a learner reads in place of a state of `GRADED` until the grade is released. It is never stored.
WITHHELD = "withheld"
# The codes of attempts in whose place a later one of the learner waits for a person. They are never graded again.
WITHDRAWN = ("withdrawn", "withdrawn_late")
# How often workers may start one evaluation before it ends as `worker_lost` and the learner's attempt is given back.
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Code:
    """An error code. With `refund`, the attempt is given back. Learners read `message`, or `of_run` about a run, which
    is no attempt.
    """

    state: State
    refund: bool
    message: Promise
    of_run: Promise | None = None


CODES: dict[str, Code] = {
    "diverged": Code(
        State.REJECTED,
        True,
        _(
            "The training loss became infinite. Your attempt was given back. Lower the learning rate, or look for very "
            "long or unusual rows, and try again."
        ),
        _(
            "The training loss became infinite. Lower the learning rate, or look for very long or unusual rows, and "
            "try again."
        ),
    ),
    "prompt_too_long": Code(
        State.REJECTED, False, _("The prompt is longer than the model can read. Shorten it, or remove examples.")
    ),
    "row_too_long": Code(
        State.REJECTED, False, _("A training row is longer than this challenge allows. Shorten it and submit again.")
    ),
    "out_of_memory": Code(
        State.REJECTED, False, _("The job needed more memory than it may use. Use a smaller batch or shorter rows.")
    ),
    "method_unavailable": Code(
        State.FAILED,
        True,
        _(
            "This training method cannot be carried out here at the moment. Your attempt was given back. Choose "
            "another method, or try again later."
        ),
        _("This training method cannot be carried out here at the moment. Choose another method, or try again later."),
    ),
    # What is accepted is bounded in rows, epochs and tokens, so that much work is no fault of the learner.
    "work_limit": Code(
        State.FAILED,
        True,
        _(
            "This reached its limit of computing time; waiting in the queue does not count. Your attempt was given "
            "back. Shorter texts, fewer examples or a smaller training run need less time. If it happens again, report "
            "a problem with this challenge."
        ),
        _(
            "This run reached its limit of computing time; waiting in the queue does not count. "
            "Shorter texts, fewer examples or a smaller training run need less time."
        ),
    ),
    "timeout": Code(
        State.FAILED,
        True,
        _(
            "This took longer than it may, probably because the server is busy. No attempt was used up. Please try "
            "again in a while. If it happens again, report a problem with this challenge."
        ),
        _("This run took longer than it may, probably because the server is busy. Please run it again in a while."),
    ),
    "worker_lost": Code(
        State.FAILED,
        True,
        format_lazy(
            _("Our machine stopped {count} times while grading this. Your attempt was given back."), count=MAX_ATTEMPTS
        ),
        format_lazy(_("Our machine stopped {count} times during this run. Please run it again."), count=MAX_ATTEMPTS),
    ),
    "internal": Code(
        State.FAILED,
        True,
        _("Something went wrong on our side. Your attempt was given back; please submit again."),
        _("Something went wrong on our side. Please run it again."),
    ),
    "bundle_missing": Code(
        State.FAILED,
        True,
        _("The challenge's files are not on this server. The staff have been told. Your attempt was given back."),
        _("The challenge's files are not on this server. The staff have been told."),
    ),
    "adapter_missing": Code(
        State.FAILED, False, _("What this attempt has trained is not on this server any more. Submit it again.")
    ),
    "no_chat_template": Code(
        State.REJECTED, False, _("This base model has no chat template that can be used. Ask it as in the challenge.")
    ),
    "cancelled": Code(State.CANCELLED, True, _("You cancelled this attempt. It was given back.")),
    "run_cancelled": Code(State.CANCELLED, False, _("You cancelled this run. It cost no attempt.")),
    "cancelled_late": Code(
        State.CANCELLED,
        False,
        _("You cancelled this attempt. It counts, because no more attempts can be given back today."),
    ),
    "withdrawn": Code(
        State.CANCELLED,
        True,
        _("Withdrawn: you handed in a later attempt, which waits in its place. This attempt was given back."),
    ),
    "withdrawn_late": Code(
        State.CANCELLED,
        False,
        _(
            "Withdrawn: you handed in a later attempt, which waits in its place. This attempt counts, because no more "
            "attempts can be given back today."
        ),
    ),
}
