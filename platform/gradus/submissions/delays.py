"""What a learner reads while an evaluation waits for something that does not answer: a judge or a server of the model.

Workers put such an evaluation back into the queue, and the event `postponed` holds the reason. How long it waits then
depends on others, so no time is estimated.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Max
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gradus.submissions.models import Evaluation, Event
from gradus.submissions.states import State

JUDGE, ENGINE = "judge_", "engine_"
BUSY, SILENT, NO_MODEL = "judge_busy", "judge_silent", "model_silent"
SENTENCES: dict[str, Promise] = {
    BUSY: _(
        "The judge that marks answers got too many requests when it was last asked. Your answer is kept and tried "
        "again by itself. After an hour there is a provisional grade, and a person decides."
    ),
    SILENT: _(
        "The judge that marks answers did not answer when it was last asked. Your answer is kept and tried again by "
        "itself. After an hour there is a provisional grade, and a person decides."
    ),
    NO_MODEL: _(
        "The server of the model did not answer when it was last asked. What you have sent is kept and tried again by "
        "itself, and costs no further attempt."
    ),
}


@dataclass(frozen=True)
class Delay:
    """Why an evaluation was put back into the queue: a code, and the sentence that learners read."""

    code: str

    @property
    def message(self) -> str:
        return str(SENTENCES[self.code])

    @property
    def as_data(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


def delay_of(evaluation: Evaluation) -> Delay | None:
    """Returns why an open evaluation was put back into the queue; None if it was not."""
    return delays([evaluation]).get(evaluation.pk)


def delays(evaluations: Iterable[Evaluation]) -> dict[int, Delay]:
    """Returns the delays by the evaluations' ids, with one query for all, or none if nothing was put back."""
    delayed = [evaluation.pk for evaluation in evaluations if _is_delayed(evaluation)]
    if not delayed:
        return {}
    postponed = Event.objects.filter(evaluation_id__in=delayed, type="postponed")
    last = postponed.values("evaluation_id").annotate(last=Max("pk")).values("last")
    reasons = Event.objects.filter(pk__in=last).values_list("evaluation_id", "data")
    codes = {pk: _code(str(data.get("reason"))) for pk, data in reasons}
    return {pk: Delay(code) for pk, code in codes.items() if code}


def _is_delayed(evaluation: Evaluation) -> bool:
    """While a judge is asked again, it may still be silent. Other work tells by its progress that it goes on."""
    waits = evaluation.state == State.QUEUED or (evaluation.state == State.RUNNING and evaluation.lane == "judge")
    return waits and evaluation.postponed_since is not None


def _code(reason: str) -> str:
    if reason.startswith(JUDGE):
        return BUSY if reason == f"{JUDGE}429" else SILENT
    return NO_MODEL if reason.startswith(ENGINE) else ""
