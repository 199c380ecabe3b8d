"""The named stages of an evaluation that waits or is graded, and which of them is present.

Workers write no events about hidden rows, so the stages after the public samples are told from what came before them.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from challenges.example_orders import order_of, stage
from challenges.kinds import registry as kinds
from challenges.spec import Challenge, Label
from gradus.submissions.models import Evaluation
from gradus.submissions.states import State

QUEUED, LOADING, TRAINING, CALIBRATION = "queued", "loading", "train", "calibrate"
INDEX = "index"
PUBLIC, HIDDEN, MARKING, CHECKING = "public", "hidden", "marking", "checking"
TITLES: dict[str, str | Promise] = {
    QUEUED: _("Waiting"),
    LOADING: _("Loading the model"),
    TRAINING: _("Training"),
    CALIBRATION: _("Calibration"),
    INDEX: _("Reading the documents"),
    PUBLIC: _("Public samples"),
    HIDDEN: _("Grading on hidden samples"),
    MARKING: _("Marking your answer"),
    CHECKING: _("Checking your answer"),
}
# How far a stage is, for the page and its script.
COUNTS: dict[str, str | Promise] = {
    TRAINING: _("step %(done)s of %(total)s"),
    CALIBRATION: _("row %(done)s of %(total)s"),
    INDEX: _("passage %(done)s of %(total)s"),
    PUBLIC: _("row %(done)s of %(total)s"),
}
# No event says that these begin or go on.
SILENT = (HIDDEN, MARKING, CHECKING)


@dataclass(frozen=True)
class Stage:
    """`state` is `done`, `present` or `ahead`. `done` of `total` units are known of the present stage, or nothing."""

    name: str
    state: str
    done: int | None = None
    total: int | None = None

    @property
    def title(self) -> str:
        number = order_of(self.name)
        return str(TITLES[self.name]) if number is None else _order_title() % {"number": number}

    @property
    def counting(self) -> str:
        """A text that takes `done` and `total`; empty for a stage of which no count is known."""
        return str(COUNTS[PUBLIC] if order_of(self.name) else COUNTS.get(self.name, ""))

    @property
    def counted(self) -> str:
        return self.counting % {"done": self.done, "total": self.total} if self.total else ""

    @property
    def is_silent(self) -> bool:
        return self.name in SILENT


def _order_title() -> str:
    return gettext("Public samples, order %(number)s")


def stages_of(evaluation: Evaluation, kind: str) -> list[Stage]:
    """Returns the stages of a submission or run of that kind, in their order."""
    names = _names(evaluation.version.parsed, kind, is_graded=evaluation.submission_id is not None)
    present, done, total = _present(evaluation, names)
    at = names.index(present)
    before = [Stage(name, "done") for name in names[:at]]
    return [*before, Stage(present, "present", done, total), *(Stage(name, "ahead") for name in names[at + 1 :])]


def _names(spec: Challenge, kind: str, *, is_graded: bool) -> list[str]:
    known = kinds.find(kind)
    answer = spec.answer
    calibrates = isinstance(answer, Label) and answer.decode == "score" and answer.calibrate != "none"
    has = {
        LOADING: known.asks_model(spec),
        TRAINING: known.is_trained,
        CALIBRATION: known.asks_model(spec) and calibrates and not known.is_trained,
        INDEX: known.has_documents,
        PUBLIC: known.has_samples,
        **{stage(number): known.has_examples and known.asks_model(spec) for number in range(2, spec.metric.orders + 1)},
        HIDDEN: known.has_samples and is_graded,
        MARKING: not known.has_samples and is_graded,
        CHECKING: not known.has_samples and not is_graded,
    }
    return [QUEUED, *(name for name, is_there in has.items() if is_there)]


def _present(evaluation: Evaluation, names: list[str]) -> tuple[str, int | None, int | None]:
    if evaluation.state == State.QUEUED:
        return QUEUED, None, None
    told = evaluation.events.filter(type__in=("started", "progress", "loss")).order_by("-seq")
    kind, data = told.values_list("type", "data").first() or ("started", {})
    name, done, total = data.get("stage"), data.get("done"), data.get("total")
    if kind == "loss":
        name, done, total = TRAINING, data.get("step"), data.get("steps")
    if name not in names:
        return names[1], None, None
    following = names[names.index(name) + 1 :]
    if following and following[0] in SILENT and done is not None and done == total:
        return following[0], None, None
    return name, done, total


def begun(evaluation: Evaluation) -> int:
    """Returns the number of the event with which a worker last started the evaluation, or 0 if none has."""
    started = evaluation.events.filter(type="started").order_by("-seq").values_list("seq", flat=True)
    return started.first() or 0
