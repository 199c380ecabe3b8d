"""The lesson's demo: one input, three ways of asking the same model. Each answer is a real run."""

from dataclasses import dataclass
from typing import Any

import structlog
import yaml
from django.db import transaction

from challenges import payloads
from challenges.prompts import render
from challenges.spec import Demo
from gradus.accounts.models import User
from gradus.courses.bundles import BundleMissing, lesson_file
from gradus.courses.models import Challenge, Lesson
from gradus.submissions import bell, services
from gradus.submissions.models import Lane, Run
from gradus.submissions.services import Refused

log = structlog.get_logger(__name__)

ZERO, FEW, TUNED = "zero-shot", "few-shot", "fine-tuned"
PANELS = (ZERO, FEW, TUNED)
TITLES = {ZERO: "Zero-shot", FEW: "Few-shot", TUNED: "Fine-tuned"}
UNSURE = "Not sure about the answer, need more context"


@dataclass(frozen=True)
class Meter:
    label: str
    share: float
    condition: str = ""


@dataclass(frozen=True)
class Panel:
    """One answer; while the run is open, `answer` is empty. `prompt` is the text that the model read."""

    name: str
    title: str
    run: Run
    state: str
    is_open: bool
    prompt: str
    answer: str = ""
    is_unsure: bool = False
    note: str = ""
    meters: tuple[Meter, ...] = ()
    tokens: float | None = None
    ms: float | None = None
    message: str = ""


def start(lesson: Lesson, user: User | None, text: str) -> list[Run]:
    """Starts the three runs, or none, in the order of `PANELS`.

    Raises:
        Refused: the text is not taken, too many runs are open, or the demo's files are not on this server.
    """
    demo = lesson.parsed.demo
    assert demo is not None
    challenge = Challenge.objects.shown().filter(slug=demo.challenge).first()
    if challenge is None or challenge.version is None:
        raise Refused("demo_missing", "The demo's challenge is not published on this server yet.", 503)
    try:
        chosen = _payloads(lesson, demo)
    except BundleMissing:
        log.exception("demo_without_files", lesson=lesson.slug)
        message = "The demo is not complete on this server. The staff have been told."
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
    bell.ring(Lane.INTERACTIVE)
    return runs


def _payloads(lesson: Lesson, demo: Demo) -> dict[str, dict[str, Any]]:
    """By panel. What was trained needs no instructions: they are in the weights."""
    return {
        ZERO: {"kind": "prompt", **_yaml(lesson, demo.zero_shot)},
        FEW: {"kind": "prompt", **_yaml(lesson, demo.few_shot)},
        TUNED: {"kind": "prompt"},
    }


def _yaml(lesson: Lesson, name: str) -> dict[str, Any]:
    payload: dict[str, Any] = yaml.safe_load(lesson_file(lesson, name)) or {}
    return payload


def panel(lesson: Lesson, run: Run) -> Panel:
    """What a panel shows of its run."""
    demo = lesson.parsed.demo
    assert demo is not None
    evaluation = run.current
    common: dict[str, Any] = {
        "name": run.label,
        "title": TITLES[run.label],
        "run": run,
        "state": evaluation.state,
        "is_open": evaluation.is_open,
        "prompt": prompt_of(run),
        "message": evaluation.message,
    }
    rows = ((evaluation.result or {}).get("public") or {}).get("rows") or []
    if not rows:
        return Panel(**common)
    cost = (evaluation.result or {}).get("cost") or {}
    shares: dict[str, float] = rows[0].get("probabilities") or {}
    if run.label == TUNED:
        shares = calibrated(shares, float(lesson.measured.get("demo_temperature", 1.0)))
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])
    read = {ZERO: _zero_shot, FEW: _few_shot, TUNED: _fine_tuned}[run.label]
    return Panel(**common, tokens=cost.get("prompt_tokens"), ms=cost.get("ms"), **read(demo, ranked))


def calibrated(shares: dict[str, float], temperature: float) -> dict[str, float]:
    """Temperature scaling (Guo et al. 2017, arXiv 1706.04599) of probabilities; 1.0 leaves them as they are."""
    powers = {label: share ** (1 / temperature) for label, share in shares.items()}
    total = sum(powers.values()) or 1.0
    return {label: power / total for label, power in powers.items()}


def prompt_of(run: Run) -> str:
    """The exact text that the model read."""
    payload = payloads.parse(run.payload)
    assert isinstance(payload, payloads.PromptPayload)
    rendered = render(
        run.version.parsed.prompt,
        instructions=payload.instructions,
        examples=payload.examples,
        inputs=run.inputs,
        template=payload.example,
        words=payload.label_words,
    )
    return rendered.prompts[0]


Ranked = list[tuple[str, float]]


def _meters(ranked: Ranked, count: int) -> tuple[Meter, ...]:
    return tuple(Meter(label, share) for label, share in ranked[:count])


def _zero_shot(demo: Demo, ranked: Ranked) -> dict[str, Any]:
    (first, top), (second, next_best) = ranked[0], ranked[1]
    if top - next_best <= demo.hedge_within:
        note = f"It hedges: {first} and {second} are at most {demo.hedge_within:.2f} apart."
        return {"answer": f"{first} or {second}", "note": note, "meters": _meters(ranked, 2)}
    return {"answer": first, "note": f"{second} comes second.", "meters": _meters(ranked, 2)}


def _few_shot(demo: Demo, ranked: Ranked) -> dict[str, Any]:
    label, share = ranked[0]
    if share < demo.abstain_below:
        note = f"Its best guess, {label}, has {share:.2f}; it answers from {demo.abstain_below:.2f} on."
        return {"answer": UNSURE, "is_unsure": True, "note": note, "meters": _meters(ranked, 2)}
    return {"answer": label, "note": f"It answers from {demo.abstain_below:.2f} on.", "meters": _meters(ranked, 2)}


def _fine_tuned(demo: Demo, ranked: Ranked) -> dict[str, Any]:
    """One label with its confidence, and related ones with the author's condition."""
    label, share = ranked[0]
    conditions = {related.label: related.condition for related in demo.related.get(label, ())}
    related = [Meter(name, value, conditions[name]) for name, value in ranked[1:] if name in conditions]
    return {"answer": label, "note": f"Confidence {share:.2f}.", "meters": (Meter(label, share), *related[:3])}
