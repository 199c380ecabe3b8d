"""A challenge with results of the author, and a learner's attempts with several methods, some of them measured."""

from __future__ import annotations

from typing import Any

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import ChallengeVersion
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission
from tests import factories

TRAINING = {"steps": 6.0, "train_loss": 0.4, "trainable_share": 0.0091, "adapter_bytes": 4_900_000.0, "tokens": 120.0}
AUTHORS: list[dict[str, Any]] = [
    {
        "file": "baselines/zero-shot.yaml",
        "approach": "zero-shot",
        "kind": "prompt",
        "score": 0.4187,
        "ok": True,
        "cost": {"prompt_tokens": 20.0, "new_tokens": 0.0, "ms": 10.0},
        "training": {},
        "seconds": 3.0,
    },
    {
        "file": "baselines/good.yaml",
        "approach": "few-shot",
        "kind": "prompt",
        "score": 0.7012,
        "ok": True,
        "cost": {"prompt_tokens": 400.0, "new_tokens": 0.0, "ms": 60.0},
        "training": {},
        "seconds": 9.0,
    },
    {
        "file": "baselines/lora.yaml",
        "approach": "lora",
        "kind": "tune",
        "score": 0.9191,
        "ok": True,
        "cost": {"prompt_tokens": 20.0, "new_tokens": 0.0, "ms": 10.0},
        "training": {**TRAINING, "seconds": 99.2, "peak_bytes": 812_000_000.0},
        "seconds": 140.0,
    },
]


def with_authors(slug: str = "sea-or-sky") -> None:
    """As if the bundle had brought results along, for two hundred and ten hidden rows."""
    version = factories.challenge(slug).version
    assert version is not None
    ChallengeVersion.objects.filter(pk=version.pk).update(author_baselines=AUTHORS, scored_count=210)
    catalogue.forget()


def attempt(user: User, payload: dict[str, Any], score: float, seconds: float | None = None) -> Submission:
    """A graded attempt; `seconds` are those of its training."""
    made = factories.submit(user, payload=payload)
    result = factories.result_for(made)
    if seconds is not None:
        result["training"] = {**TRAINING, "seconds": seconds, "peak_bytes": 640_000_000.0}
    factories.grade(made, score, result=result)
    return made


def found(run: Run, ms: list[float], tokens: list[list[int]], shared: int, seconds: float | None = None) -> Evaluation:
    """Records what a worker would have measured. The measurement must be the next one in the lane."""
    training = {} if seconds is None else {**TRAINING, "seconds": seconds, "peak_bytes": 655_000_000.0}
    measured = {"ms": ms, "tokens": tokens, "shared_tokens": shared}
    return factories.grade(run, result={**factories.result_for(run), "training": training, "measured": measured})


def measured_attempt(user: User, made: Submission, *what: Any) -> Run:
    run = services.measure_attempt(user, factories.challenge(made.challenge.slug), made)
    found(run, *what)
    return run


def compared(user: User) -> tuple[Submission, Submission]:
    """A prompt and an adapter, both measured: training pays, and with a cache that costs nothing it does not."""
    with_authors()
    prompt = attempt(user, factories.PROMPT, 0.77)
    tuned = attempt(user, factories.LORA, 0.83, 40.0)
    rows = len(prompt.version.samples)
    long, short = ([[read + n % 5, 1 + n % 2] for n in range(rows)] for read in (420, 20))
    measured_attempt(user, prompt, [14.0, 12.0, 13.0, 15.0, 12.5], long, 410)
    measured_attempt(user, tuned, [5.0, 5.5, 4.5, 5.2, 5.1], short, 4, 37.1)
    return prompt, tuned
