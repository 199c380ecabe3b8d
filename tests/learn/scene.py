"""A lesson with every feature, for tests: advisor, demo, figures, findings and questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from challenges.course_bundle import CourseBundle
from gradus.courses import catalogue
from gradus.courses.models import ChallengeVersion, Course
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run
from tests import factories
from tests.learn.findings import made_up
from tests.published import published

ADVISOR: dict[str, Any] = {
    "intro": "Two questions.",
    "combine_within": 1.0,
    "approaches": [
        {
            "id": "prompting",
            "title": "Prompting",
            "summary": "Words.",
            "first_step": "Write five examples.",
            "start": 1,
            "combines_with": ["rag"],
        },
        {"id": "rag", "title": "Retrieval", "summary": "Look-ups.", "first_step": "Index.", "cheaper": ["prompting"]},
        {
            "id": "lora",
            "title": "LoRA",
            "summary": "Weights.",
            "first_step": "Train.",
            "cheaper": ["prompting", "rag"],
            "combines_with": ["rag"],
        },
    ],
    "questions": [
        {
            "id": "changes",
            "text": "How often does it change?",
            "help": "The facts.",
            "choices": [
                {"id": "weekly", "label": "Weekly", "weights": {"rag": 5}, "because": {"rag": "Facts move."}},
                {"id": "never", "label": "Never", "weights": {"lora": 1}, "excludes": ["rag"]},
            ],
        },
        {
            "id": "rows",
            "text": "How many rows?",
            "choices": [
                {
                    "id": "few",
                    "label": "Few",
                    "weights": {"prompting": 1},
                    "excludes": ["lora"],
                    "because": {"lora": "Too few rows.", "prompting": "They fit in a prompt."},
                },
                {"id": "many", "label": "Many", "weights": {"lora": 6}, "because": {"lora": "Rows enough."}},
            ],
        },
    ],
}
DEMO: dict[str, Any] = {
    "title": "Sea or sky?",
    "challenge": "sea-or-sky",
    "notice": "Not nautical advice.",
    "explanation": "Training bakes the examples into the weights.",
    "chips": ["a heron over the reef", "a foghorn"],
    "input_chars": 80,
    "zero_shot": "demo/zero-shot.yaml",
    "few_shot": "demo/few-shot.yaml",
    "adapter": "demo/adapter",
    "hedge_within": 0.1,
    "abstain_below": 0.6,
    "related": {
        "sea": [{"label": "sky", "condition": "if it flies"}],
        "sky": [{"label": "sea", "condition": "if wet"}],
    },
}
FIGURES: list[dict[str, Any]] = [
    {"claim": "Adapters are small", "source": "Computed", "measured": "share", "unit": "share", "at_most": 0.02},
    {"claim": "Training is quick", "source": "Measured here", "measured": "seconds", "unit": "s", "at_most": 60},
    {"claim": "Most cases need no training"},
]
TEXT = """Some *text*.

## What it is

| a | b |
| --- | --- |
| 1 | $x_1$ |

<!-- figures -->

## Try it

<!-- demo -->

<!-- board -->

<!-- finding: few-shot -->

<!-- advisor -->

<script>alert(1)</script>
"""


def scene_bundle(folder: Path) -> CourseBundle:
    faq = [{"question": "Why so?", "answer": "Because *so*."}]
    bundle = factories.tiny_bundle(folder, advisor=ADVISOR, demo=DEMO, figures=FIGURES, faq=faq)
    files = {
        "demo/zero-shot.yaml": yaml.safe_dump({"kind": "prompt"}).encode(),
        "demo/few-shot.yaml": yaml.safe_dump(factories.PROMPT).encode(),
        "demo/adapter/adapter_config.json": b"{}",
        "demo/adapter/adapter_model.safetensors": b"",
    }
    measured = {"figures": {"share": 0.018, "seconds": 240}}
    lesson = replace(bundle.lessons[0], text=TEXT, files=files, measured=measured, **made_up.parts(bundle.lessons[0]))
    return replace(bundle, lessons=(lesson,))


def scene_course(folder: Path) -> Course:
    return published(scene_bundle(folder), "scene")


BASELINES: list[dict[str, Any]] = [
    {
        "file": "baselines/zero-shot.yaml",
        "approach": "zero-shot",
        "kind": "prompt",
        "score": 0.4187,
        "ok": True,
        "cost": {"prompt_tokens": 20.0, "ms": 10.0},
        "seconds": 3.0,
    },
    {
        "file": "baselines/good.yaml",
        "approach": "few-shot",
        "kind": "prompt",
        "score": 0.7012,
        "ok": True,
        "cost": {"prompt_tokens": 400.0, "ms": 60.0},
        "seconds": 9.0,
    },
    {
        "file": "baselines/lora.yaml",
        "approach": "lora",
        "kind": "tune",
        "score": 0.9191,
        "ok": True,
        "cost": {"prompt_tokens": 20.0, "ms": 10.0},
        "seconds": 100.0,
    },
]


def with_baselines(version: ChallengeVersion) -> None:
    """As if the bundle had brought them along."""
    ChallengeVersion.objects.filter(pk=version.pk).update(author_baselines=BASELINES)
    catalogue.forget()


def answer_demo(run: Run, probabilities: dict[str, float], ms: float = 21.5) -> Evaluation:
    """Records what a worker would for a run on one input. Claims whatever is next until it is this run's turn."""
    evaluation = run.current
    claimed = services.claim(evaluation.lane, worker="worker-1", profile="cpu")
    assert claimed is not None and claimed.pk == evaluation.pk
    top = max(probabilities, key=lambda label: probabilities[label])
    row = {
        "id": "input-1",
        "output": top,
        "score": 0.0,
        "correct": False,
        "confidence": probabilities[top],
        "probabilities": probabilities,
        "why": "",
    }
    result = {
        "public": {"score": None, "metrics": {}, "rows": [row]},
        "cost": {"prompt_tokens": 33.0, "new_tokens": 0, "ms": ms},
    }
    return services.record(claimed.pk, claimed.fence, services.Outcome(result=result))
