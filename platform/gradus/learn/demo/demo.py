"""The lesson's demo: one input, three ways of asking the same model. Each answer is a real run."""

from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import structlog
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.files.yaml_lines import read
from challenges.kinds.base import Lane
from challenges.kinds.prompt import KIND as PROMPT
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.tune import KIND as TUNE
from challenges.lesson.demo import FEW, TUNED, ZERO, Said, said
from challenges.lesson.spec import Demo
from challenges.models import tokens
from challenges.prompts import render
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.bundles import BundleMissing, lesson_file
from gradus.courses.models import Lesson
from gradus.submissions import queue, services
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
class Panel:
    """One answer; `said` is None while the run is open, and where it failed. `prompt` is the text the model read.

    `reads` are its tokens, with a sign for each end of a line; empty where the base model's tokenizer is not here.
    """

    name: str
    title: str
    run: Run
    state: str
    is_open: bool
    prompt: str
    reads: tuple[str, ...] = ()
    message: str = ""
    said: Said | None = None
    tokens: float | None = None
    times: Times | None = None

    @property
    def kind(self) -> str:
        """Of the badge: the kind of challenge in which a learner makes such a model."""
        return TUNE.name if self.name == TUNED else PROMPT.name


def start(lesson: Lesson, user: User | None, text: str) -> list[Run]:
    """Starts the three runs, or none, zero-shot first.

    Raises:
        Refused: the text is not taken, too many runs are open, or the demo's files are not on this server.
    """
    demo = lesson.parsed.demo
    assert demo is not None
    challenge = catalogue.now().challenge_named(lesson.course, demo.challenge)
    if challenge is None or challenge.version is None:
        raise Refused("demo_missing", _("The demo's challenge is not published on this server yet."), 503)
    try:
        chosen = _payloads(lesson, demo)
    except BundleMissing:
        log.exception("demo_without_files", lesson=lesson.slug)
        message = _("The demo is not complete on this server. The staff have been told.")
        raise Refused("demo_missing", message, 503) from None
    with transaction.atomic():
        runs = [
            services.start_run(
                user,
                challenge.version,
                payload,
                purpose=Run.Purpose.DEMO,
                inputs=[text],
                adapter=demo.adapter if name == TUNED else "",
                label=name,
            )
            for name, payload in chosen.items()
        ]
    # The bell rung within the transaction may have been answered before there was anything to see.
    queue.ring(Lane.INTERACTIVE)
    return runs


def _payloads(lesson: Lesson, demo: Demo) -> dict[str, dict[str, Any]]:
    """By panel. What was trained needs no instructions: they are in the weights."""
    return {
        ZERO: {"kind": PROMPT.name, **_yaml(lesson, demo.zero_shot)},
        FEW: {"kind": PROMPT.name, **_yaml(lesson, demo.few_shot)},
        TUNED: {"kind": PROMPT.name},
    }


def _yaml(lesson: Lesson, name: str) -> dict[str, Any]:
    return dict(read(lesson_file(lesson, name).decode("utf-8-sig")).data)


def panel(lesson: Lesson, run: Run) -> Panel:
    """What a panel shows of its run."""
    demo = lesson.parsed.demo
    assert demo is not None
    evaluation = run.current
    prompt = prompt_of(run)
    empty = Panel(
        name=run.label,
        title=str(TITLES[run.label]),
        run=run,
        state=evaluation.state,
        is_open=evaluation.is_open,
        prompt=prompt,
        reads=tokens_of(run, prompt),
        message=evaluation.message,
    )
    rows = ((evaluation.result or {}).get("public") or {}).get("rows") or []
    if not rows:
        return empty
    cost = (evaluation.result or {}).get("cost") or {}
    found = said(demo, run.label, rows[0].get("probabilities") or {})
    return replace(empty, said=found, tokens=cost.get("prompt_tokens"), times=times(run))


def tokens_of(run: Run, prompt: str) -> tuple[str, ...]:
    split = tokens.splitter(run.version.parsed.model)
    return tuple(token.replace("\n", "↵") for token in split(prompt)) if split else ()


def times(run: Run) -> Times | None:
    """Of the newest runs of this panel on this server, whatever their text; None before the first one has ended."""
    ended = Evaluation.objects.filter(
        lane=Lane.INTERACTIVE,
        finished_at__isnull=False,
        state=State.SCORED,
        run__purpose=Run.Purpose.DEMO,
        run__label=run.label,
        run__version=run.version_id,
        run__payload=run.payload,
    ).order_by("-finished_at")
    found = [ms for ms in ended.values_list("result__cost__ms", flat=True)[:TIMED_RUNS] if ms is not None]
    return Times(median(found), len(found)) if found else None


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
    )
    return rendered.prompts[0]
