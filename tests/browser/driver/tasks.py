"""What a learner does in a challenge of each kind, and the worker that answers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission
from tests import factories
from tests.browser.driver.pages import MARK, TICKETS


@dataclass(frozen=True)
class Task:
    """What one kind of challenge asks of a learner, in the words of its page.

    `refused` is a field with a text that is refused in it and one that is not. `going_on` is what the list of stages
    says while it is graded: nothing is counted while an answer is marked.
    """

    slug: str
    title: str
    field: str
    text: str
    run: str
    result: str
    refused: tuple[str, str, str]
    payload: dict[str, object]
    sample: bool = False
    going_on: str = "2 of 4"
    outcome: dict[str, object] | None = None


ROWS = "\n".join(json.dumps(row) for row in TICKETS)
TASKS = [
    Task(
        "sea-or-sky",
        "Sea or sky",
        "Instructions (optional)",
        "Sea or sky?",
        "Run",
        "0.75",
        ("Row template", "no slots", "{input} is {output}"),
        {"instructions": "Sea or sky?", "examples": [{"input": "I saw a wave today", "output": "sea"}]},
        sample=True,
    ),
    Task(
        "ticket",
        "Ticket",
        "Training rows, as JSON Lines",
        ROWS,
        "Try 20 steps",
        "0.83",
        ("Training rows, as JSON Lines", "no JSON", ROWS),
        {"rows": TICKETS},
    ),
    Task(
        "explain",
        "Explain",
        "Your answer",
        str(factories.FREE_TEXT["answer"]),
        "Check without grading",
        "you can submit it",
        ("Your answer", "Too short.", str(factories.FREE_TEXT["answer"])),
        {"answer": factories.FREE_TEXT["answer"]},
        going_on="ing your answer",
        outcome={"provisional": True, "review": ("provisional",), "result": {"marks": [MARK]}},
    ),
]


def begin(owner: Run | Submission) -> Evaluation:
    """A worker claims the evaluation, and reports that half of it is done."""
    evaluation = factories.claimed(owner)
    half = {"stage": "public", "done": 2, "total": 4}
    services.append_events(evaluation.pk, evaluation.fence, [("progress", half)])
    return evaluation


def end(evaluation: Evaluation, score: float | None, outcome: dict[str, object]) -> None:
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    values = {"result": factories.result_for(owner), **outcome}
    services.record(evaluation.pk, evaluation.fence, services.Outcome(score=score, **values))  # type: ignore[arg-type]
