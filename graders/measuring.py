"""Asks the model about public and hidden samples by one prompt, and measures the answers by the challenge's metrics.

The graders of the kinds `prompt` and `tune` share it, and the grader of `rag` takes parts of it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.metrics import metrics
from challenges.prompts import stage
from challenges.rows import Sample
from challenges.spec import Challenge
from graders.base import Grade, GradedSample, WorkItem
from graders.decoding import Answers, Ask, Output, answer, label_priors
from graders.metrics import Measured, measure
from graders.orders_and_budget import charge, with_charge, worst_hidden, worst_public


def evaluate(ask: Ask, bundle: ChallengeBundle, *, hidden: bool) -> Generator[WorkItem, Any, Grade]:
    """Asks about public samples and, if `hidden`, about hidden ones. Without hidden samples the grade has no score.

    `score` is computed on the hidden rows of split `public` if there are any, and otherwise on all hidden rows;
    `private_score` is computed on those of split `private`. `metrics` holds only those that the challenge declares
    public. If the challenge asks for several orders of the examples, the grade is that of the order with the lowest
    score.
    """
    challenge, asked = ask.challenge, []
    charged = yield from charge(ask, ask.template)
    for one in ask.in_orders():
        asked.append((one, (yield from label_priors(one, bundle.public))))
    grade = Grade(score=None)
    if bundle.public:
        graded = []
        for number, (one, priors) in enumerate(asked, 1):
            answers = yield from _ask_all(one, bundle.public, stage(number), priors)
            graded.append(with_public(grade, challenge, bundle.public, answers))
        grade = worst_public(graded)
    if hidden:
        graded = []
        for one, priors in asked:
            answers = yield from _ask_all(one, bundle.hidden, "hidden", priors)
            graded.append(with_hidden(grade, challenge, bundle.hidden, answers))
        grade = worst_hidden(graded)
    return with_charge(grade, charged, challenge.feedback.step)


def predict(ask: Ask, inputs: Sequence[str], public: Sequence[Sample]) -> Generator[WorkItem, Any, Grade]:
    """Answers `inputs`, which have no targets, as `Grade.public`. Their `score` and `correct` have no meaning."""
    priors = yield from label_priors(ask, public)
    answers = yield from answer(ask, inputs, "public", priors)
    rows = tuple(_row(f"input-{n}", output, 0.0, correct=False) for n, output in enumerate(answers.outputs, 1))
    return Grade(score=None, public=rows, cost=answers.cost)


def _ask_all(
    ask: Ask, samples: Sequence[Sample], stage: str, priors: tuple[float, ...] | None
) -> Generator[WorkItem, Any, Answers]:
    return (yield from answer(ask, [sample.input for sample in samples], stage, priors))


def with_public(
    grade: Grade, challenge: Challenge, samples: Sequence[Sample], answers: Answers, also: Sequence[str] = ()
) -> Grade:
    """Returns the grade with the answers to public samples, measured by the challenge's metrics and those of `also`."""
    names = dict.fromkeys((challenge.metric.name, *challenge.public_metrics, *also))
    measured = {name: _measure(name, challenge, samples, answers.outputs) for name in names}
    main = measured[challenge.metric.name]
    fields = next((m.fields for m in measured.values() if m.fields), ())
    rows = _rows(samples, answers.outputs, main)
    return replace(
        grade,
        public=_with_fields(rows, answers.outputs, fields),
        public_score=main.value,
        public_metrics={name: m.value for name, m in measured.items()},
        cost=answers.cost,
    )


def with_hidden(grade: Grade, challenge: Challenge, samples: Sequence[Sample], answers: Answers) -> Grade:
    """Returns the grade with its scores, which are measured on the answers to hidden samples."""
    pairs = list(zip(samples, answers.outputs, strict=True))
    shown = [pair for pair in pairs if pair[0].split == "public"] or pairs
    private = [pair for pair in pairs if pair[0].split == "private"]
    name = challenge.metric.name
    return replace(
        grade,
        score=_value(name, challenge, shown),
        private_score=_value(name, challenge, private) if private else None,
        metrics={name: _value(name, challenge, shown) for name in challenge.public_metrics},
        hidden=_rows(samples, answers.outputs, _measure(name, challenge, samples, answers.outputs)),
    )


def _value(name: str, challenge: Challenge, pairs: Sequence[tuple[Sample, Output]]) -> float:
    return _measure(name, challenge, [sample for sample, _ in pairs], [output for _, output in pairs]).value


def _measure(name: str, challenge: Challenge, samples: Sequence[Sample], outputs: Sequence[Output]) -> Measured:
    if metrics()[name].of_documents:
        return measure(name, [o.documents for o in outputs], [s.documents for s in samples], challenge.answer)
    return measure(name, [o.prediction for o in outputs], [s.target for s in samples], challenge.answer)


def _rows(samples: Sequence[Sample], outputs: Sequence[Output], measured: Measured) -> tuple[GradedSample, ...]:
    return tuple(
        _row(sample.id, output, score, correct=score >= 1 - 1e-9)
        for sample, output, score in zip(samples, outputs, measured.rows, strict=True)
    )


def _with_fields(
    rows: Sequence[GradedSample], outputs: Sequence[Output], fields: Sequence[dict[str, float]]
) -> tuple[GradedSample, ...]:
    scores = fields or [{} for _ in rows]
    return tuple(
        replace(row, fields=scored, valid=output.valid)
        for row, output, scored in zip(rows, outputs, scores, strict=True)
    )


def _row(id: str, output: Output, score: float, *, correct: bool) -> GradedSample:
    return GradedSample(id, output.text, score, correct, output.confidence, output.probabilities, output.why)
