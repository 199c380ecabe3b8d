"""What an open evaluation shows: its stages, how long it usually takes, and something to read meanwhile.

Workers write no events about hidden rows, so the stages after the public samples are told from what came before them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from challenges.kinds import registry as kinds
from challenges.prompts import order_of, stage
from challenges.spec import Challenge, Label
from challenges.translation import translated
from gradus.courses import catalogue
from gradus.learn.lesson import markdown
from gradus.learn.result.next_step import next_hint
from gradus.submissions import durations
from gradus.submissions.delays import delay_of
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.queue import expected_wait, queue_position
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
    """`state` is `done`, `present` or `ahead`. `done` of `total` units are known of the present stage, or nothing.

    `special` is what the kind calls the stage, where it has a word of its own.
    """

    name: str
    state: str
    done: int | None = None
    total: int | None = None
    special: str = ""

    @property
    def title(self) -> str:
        if self.special:
            return self.special
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


def waiting_context(owner: Submission | Run, evaluation: Evaluation) -> dict[str, Any]:
    """What the page of an open evaluation shows in addition."""
    position, delay = queue_position(evaluation), delay_of(evaluation)
    return {
        "position": position,
        "ahead": position - 1 if position else None,
        "wait": expected_wait(evaluation) if position and not delay else None,
        "delay": delay,
        "stages": stages_of(evaluation, owner.kind),
        "begun": begun(evaluation),
        "usual": None if delay and not delay.since else durations.of_evaluation(evaluation),
        "elapsed": elapsed(evaluation),
        "reading": reading(owner) if isinstance(owner, Submission) else None,
    }


def stages_of(evaluation: Evaluation, kind: str) -> list[Stage]:
    """Returns the stages of a submission or run of that kind, in their order."""
    names = _names(evaluation.version.parsed, kind, is_graded=evaluation.submission_id is not None)
    present, done, total = _present(evaluation, names)
    at = names.index(present)
    before = [Stage(name, "done") for name in names[:at]]
    stages = [*before, Stage(present, "present", done, total), *(Stage(name, "ahead") for name in names[at + 1 :])]
    special = kinds.find(kind).stages
    return [replace(one, special=translated(special[one.name])) if one.name in special else one for one in stages]


def _names(spec: Challenge, kind: str, *, is_graded: bool) -> list[str]:
    known = kinds.find(kind)
    answer = spec.answer
    calibrates = isinstance(answer, Label) and answer.decode == "score" and answer.calibrate != "none"
    is_answered = known.has_samples or known.asks_model(spec)
    has = {
        LOADING: known.asks_model(spec),
        TRAINING: known.is_trained,
        CALIBRATION: known.asks_model(spec) and calibrates and not known.is_trained,
        INDEX: known.has_documents,
        PUBLIC: is_answered,
        **{stage(number): known.has_examples and known.asks_model(spec) for number in range(2, spec.metric.orders + 1)},
        HIDDEN: is_answered and is_graded,
        MARKING: not is_answered and is_graded,
        CHECKING: not is_answered and not is_graded,
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


def elapsed(evaluation: Evaluation) -> int | None:
    """Returns whole seconds since a worker first started the evaluation; None while it waits."""
    if evaluation.started_at is None or evaluation.state != State.RUNNING:
        return None
    return math.floor((timezone.now() - evaluation.started_at).total_seconds())


@dataclass(frozen=True)
class Reading:
    """`answer` is HTML. Without a question it is empty; `hint` is the number of the next hint, or None."""

    question: str
    answer: str
    hint: int | None


def reading(submission: Submission) -> Reading | None:
    """Returns None if there is nothing to read. Each attempt gets the next question of the lesson."""
    challenge = catalogue.now().challenges.get(submission.challenge.slug)
    if challenge is None:
        return None
    hint, questions = next_hint(submission.user, challenge), challenge.lesson.parsed.faq
    if not questions:
        return Reading("", "", hint) if hint else None
    moved = catalogue.now().moved(challenge.course)
    earlier = Submission.objects.of(submission.user).filter(challenge=challenge, pk__lt=submission.pk).count()
    chosen = questions[earlier % len(questions)]
    return Reading(chosen.question, markdown.render(chosen.answer, moved).html, hint)
