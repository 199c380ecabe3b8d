"""The lesson's demo: one input, three ways of asking the same model. Each answer is a real run.

What its author recorded is a real answer as well, for pages that ask no model.
"""

from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import structlog
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from challenges.files.yaml_lines import read
from challenges.kinds.base import Lane
from challenges.kinds.prompt import KIND as PROMPT
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.tune import KIND as TUNE
from challenges.lesson.demo import FEW, PANELS, TUNED, ZERO, DemoRecord, Said, said
from challenges.lesson.spec import Demo
from challenges.models import tokens
from challenges.models.chat_templates import known_turns
from challenges.prompts import render
from gradus.courses import catalogue
from gradus.courses.bundles import BundleMissing, lesson_file
from gradus.courses.models import Lesson
from gradus.learn.demo.purpose import DemoAnswer
from gradus.learn.demo.three_runs import Panel, ThreeRuns
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import Refused
from gradus.submissions.states import State

log = structlog.get_logger(__name__)

TITLES = {ZERO: gettext_lazy("Zero-shot"), FEW: gettext_lazy("Few-shot"), TUNED: gettext_lazy("Fine-tuned")}
TIMED_RUNS = 25


@dataclass(frozen=True)
class Times:
    """Median milliseconds of so many runs: a single one says little on a server that does other work as well."""

    ms: float
    runs: int


@dataclass(frozen=True)
class AnswerPanel(Panel):
    """One answer; `said` is None while the run is open, and where it failed. `prompt` is the text the model read.

    `reads` are its tokens, with a sign for each end of a line; empty where the base model's tokenizer is not here.
    """

    prompt: str
    reads: tuple[str, ...] = ()
    said: Said | None = None
    tokens: float | None = None
    times: Times | None = None

    @property
    def kind(self) -> str:
        """Of the badge: the kind of challenge in which a learner makes such a model."""
        return TUNE.name if self.name == TUNED else PROMPT.name


class DemoRuns(ThreeRuns[Demo]):
    """Zero-shot, few-shot and fine-tuned."""

    name = "demo"
    titles = TITLES
    unpublished = gettext_lazy("The demo's challenge is not published on this server yet.")

    def spec(self, lesson: Lesson) -> Demo | None:
        return lesson.parsed.demo

    def payloads(self, lesson: Lesson, spec: Demo) -> dict[str, dict[str, Any]]:
        """What was trained needs no instructions: they are in the weights."""
        try:
            return {
                ZERO: {"kind": PROMPT.name, **_yaml(lesson, spec.zero_shot)},
                FEW: {"kind": PROMPT.name, **_yaml(lesson, spec.few_shot)},
                TUNED: {"kind": PROMPT.name},
            }
        except BundleMissing:
            log.exception("demo_without_files", lesson=lesson.slug)
            message = _("The demo is not complete on this server. The staff have been told.")
            raise Refused("demo_missing", message, 503) from None

    def adapter(self, spec: Demo, label: str) -> str:
        return spec.adapter if label == TUNED else ""

    def panel(self, lesson: Lesson, run: Run) -> AnswerPanel:
        spec, prompt = lesson.parsed.demo, prompt_of(run)
        assert spec is not None
        empty = AnswerPanel(**self._shown(run), prompt=prompt, reads=tokens_of(run, prompt))
        result = run.current.result or {}
        rows = (result.get("public") or {}).get("rows") or []
        if not rows:
            return empty
        answer = said(spec, run.label, rows[0].get("probabilities") or {})
        return replace(empty, said=answer, tokens=(result.get("cost") or {}).get("prompt_tokens"), times=times(run))


DEMO = DemoRuns()


def _yaml(lesson: Lesson, name: str) -> dict[str, Any]:
    return dict(read(lesson_file(lesson, name).decode("utf-8-sig")).data)


def tokens_of(run: Run, prompt: str) -> tuple[str, ...]:
    split = tokens.splitter(run.version.parsed.model)
    return tuple(token.replace("\n", "↵") for token in split(prompt)) if split else ()


def times(run: Run) -> Times | None:
    """Of the newest runs of this panel on this server, whatever their text; None before the first one has ended."""
    ended = Evaluation.objects.filter(
        lane=Lane.INTERACTIVE,
        finished_at__isnull=False,
        state=State.SCORED,
        run__purpose=DemoAnswer.name,
        run__label=run.label,
        run__version=run.version_id,
        run__payload=run.payload,
    ).order_by("-finished_at")
    milliseconds = [ms for ms in ended.values_list("result__cost__ms", flat=True)[:TIMED_RUNS] if ms is not None]
    return Times(median(milliseconds), len(milliseconds)) if milliseconds else None


def prompt_of(run: Run) -> str:
    """The exact text that the model read."""
    payload = PromptPayload.model_validate(run.payload)
    rendered = render(
        run.version.parsed.prompt,
        instructions=payload.instructions,
        examples=payload.examples,
        inputs=run.inputs,
        template=payload.example,
        words=payload.label_words,
        turns=known_turns(run.version.parsed.model),
    )
    return rendered.prompts[0]


# --- what the author recorded -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecordedPanel:
    name: str
    title: str
    said: Said
    tokens: int


@dataclass(frozen=True)
class RecordedDemo:
    """`reads` are the tokens of `input`; `model` is the name of the base model that answered."""

    lesson: Lesson
    title: str
    model: str
    notice: str
    input: str
    reads: tuple[str, ...]
    panels: tuple[RecordedPanel, ...]


def recorded_demo(lesson: Lesson) -> RecordedDemo | None:
    """None where the lesson has no demo, where nothing was recorded, or where the record is of other examples."""
    demo = lesson.parsed.demo
    challenge = catalogue.now().challenge_named(lesson.course, demo.challenge) if demo else None
    try:
        record = DemoRecord.model_validate(lesson.measured.get("demo"))
    except ValidationError:
        return None
    if demo is None or challenge is None or record.input not in demo.chips or not set(PANELS) <= set(record.panels):
        return None
    panels = [
        RecordedPanel(name, str(TITLES[name]), said(demo, name, recorded.probabilities), round(recorded.tokens))
        for name, recorded in ((name, record.panels[name]) for name in PANELS)
    ]
    return RecordedDemo(
        lesson, demo.title, challenge.spec.model or "", demo.notice, record.input, record.reads, tuple(panels)
    )
