"""What a learner reads where a message got no answers."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from gradus.submissions.models import Evaluation

# An attempt's codes speak of attempts that are given back.
FAULTS: dict[str, str | Promise] = {
    "timeout": gettext_lazy("This took longer than it may, probably because the server is busy. Send it again later."),
    "work_limit": gettext_lazy("The answer reached its limit of computing time. Send a shorter text."),
    "worker_lost": gettext_lazy("Our machine stopped several times while it answered. Send it again later."),
    "internal": gettext_lazy("Something went wrong on our side. Send it again in a moment."),
    "bundle_missing": gettext_lazy("The challenge's files are not on this server. The staff have been told."),
    "out_of_memory": gettext_lazy("The answer needed more memory than it may use. Send a shorter text."),
    "prompt_too_long": gettext_lazy("The prompt is longer than the model can read. Send a shorter text."),
    "run_cancelled": gettext_lazy("You cancelled this message."),
}


def fault_of(evaluation: Evaluation) -> str:
    """Why an evaluation has ended without answers."""
    return str(FAULTS.get(evaluation.error_code) or evaluation.message or FAULTS["internal"])
