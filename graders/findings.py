"""Computes the record of an experiment from the outputs of its runs: scores by measure, effects and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any, get_args

import numpy as np

from challenges.findings.digest import P_MAX
from challenges.findings.runs import Repetition, listed_fields, measures
from challenges.findings.spec import (
    ArmRecord,
    Claim,
    ClaimRecord,
    CostName,
    Experiment,
    ExperimentRecord,
    Finding,
    Measure,
    RunRecord,
)
from challenges.kinds import registry as kinds
from challenges.metrics import metrics
from challenges.payloads import Submitted
from challenges.rows import Sample
from challenges.spec import Challenge, Json, Label
from graders.base import Grade
from graders.decoding import Ask, read
from graders.differences import Effect, Readings, difference, spread
from graders.metrics import Prediction, measure

DECIMALS = 4
COST_DECIMALS = 2


@dataclass(frozen=True)
class Outputs:
    """The private outputs of one run: a text for each public and each hidden row, in the order of the files.

    The scores of the rows are kept only where the metric is about documents, which texts do not tell. `cost` is as in
    `challenges.findings.spec.RunRecord`.
    """

    public: tuple[str, ...]
    hidden: tuple[str, ...]
    public_scores: tuple[float, ...] = ()
    hidden_scores: tuple[float, ...] = ()
    cost: Mapping[CostName, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One repetition with its outputs."""

    repetition: Repetition
    outputs: Outputs


Runs = Mapping[str, Sequence[Run]]


def outputs_of(grade: Grade, challenge: Challenge) -> Outputs:
    """Returns the outputs of a grade on public and hidden rows."""
    texts = Outputs(
        tuple(row.output for row in grade.public), tuple(row.output for row in grade.hidden), cost=cost_of(grade)
    )
    if not metrics()[challenge.metric.name].of_documents:
        return texts
    scores = [tuple(row.score for row in rows) for rows in (grade.public, grade.hidden)]
    return replace(texts, public_scores=scores[0], hidden_scores=scores[1])


def cost_of(grade: Grade) -> dict[CostName, float]:
    """Returns what a run took: seconds and bytes of what was trained, and the means of a request on public rows."""
    sizes = [grade.training[name] for name in ("bytes", "adapter_bytes") if name in grade.training]
    trained = {"training_seconds": grade.training.get("seconds"), "bytes": next(iter(sizes), None)}
    found = {**trained, **{name: grade.cost.get(name) for name in ("ms", "prompt_tokens", "new_tokens")}}
    return {name: round(value, COST_DECIMALS) for name in get_args(CostName) if (value := found[name]) is not None}


def experiment_record(finding: Finding, experiment: Experiment, runs: Runs) -> ExperimentRecord:
    """Returns the record of one experiment of `finding`; `runs` holds the runs of each arm by the arm's id."""
    bundle = next(iter(runs.values()))[0].repetition.bundle
    return ExperimentRecord(
        challenge=experiment.challenge,
        rows=len(bundle.hidden if finding.rows == "hidden" else bundle.public),
        arms=tuple(_arm_record(arm.id, runs[arm.id], finding.rows) for arm in experiment.arms),
        claims=tuple(_claim_record(claim, runs, finding.rows) for claim in finding.claims),
    )


def _arm_record(name: str, runs: Sequence[Run], rows: str) -> ArmRecord:
    wanted = measures(runs[0].repetition.bundle.challenge)
    by_measure = {which: [_value(run, which, rows) for run in runs] for which in wanted}
    public = {which: [_value(run, which, "public") for run in runs] for which in wanted}
    return ArmRecord(
        id=name,
        runs=tuple(
            RunRecord(
                name=run.repetition.name,
                values={which: _rounded(by_measure[which][n]) for which in wanted},
                public={which: _rounded(public[which][n]) for which in wanted},
                cost=dict(run.outputs.cost),
            )
            for n, run in enumerate(runs)
        ),
        mean={which: _rounded(fmean(values)) for which, values in by_measure.items()},
        sd={which: _rounded(stdev(values)) for which, values in by_measure.items() if len(values) > 1},
    )


def _rounded(value: float) -> float:
    return round(value, DECIMALS)


def _claim_record(claim: Claim, runs: Runs, rows: str) -> ClaimRecord:
    arms = [readings(runs[arm], claim.measure, rows) for arm in claim.arms]
    effect = spread(arms) if claim.found == "spread" else difference(arms[0], arms[1], best=claim.best)
    return verdict(claim, effect)


def verdict(claim: Claim, effect: Effect) -> ClaimRecord:
    """Returns the result of a comparison, and whether it agrees with `claim`.

    A result is `unclear` if its interval contains zero. If the interval excludes zero but the difference is smaller
    than `at_least`, the result is also recorded as `unclear`, but then no claim about it holds.
    """
    result = _spread_result(claim, effect) if claim.found == "spread" else _difference_result(claim, effect)
    within = effect.low <= 0 <= effect.high
    return ClaimRecord(
        effect=_rounded(effect.effect),
        low=_rounded(effect.low),
        high=_rounded(effect.high),
        p=_rounded(effect.p),
        found=result,
        holds=result == claim.found and (within or result != "unclear"),
    )


def _spread_result(claim: Claim, effect: Effect) -> Any:
    return "spread" if effect.effect >= claim.at_least and effect.p < P_MAX else "unclear"


def _difference_result(claim: Claim, effect: Effect) -> Any:
    if effect.low > 0 and effect.effect >= claim.at_least:
        return "higher"
    return "lower" if effect.high < 0 else "unclear"


# --- measures ---------------------------------------------------------------------------------------------------


def _rows(run: Run, rows: str) -> tuple[Sequence[Sample], list[Prediction]]:
    bundle = run.repetition.bundle
    samples, texts = (bundle.hidden, run.outputs.hidden) if rows == "hidden" else (bundle.public, run.outputs.public)
    return samples, predictions(bundle.challenge, run.repetition.payload, texts)


def predictions(challenge: Challenge, payload: Submitted, texts: Sequence[str]) -> list[Prediction]:
    """Returns the predictions that a grader reads from the outputs of a payload.

    If the challenge decodes by likelihood, the text of an output is already the label.
    """
    answer = challenge.answer
    if answer is None or (isinstance(answer, Label) and answer.decode == "score"):
        return list(texts)
    words = kinds.find(payload.kind).label_words(payload)
    ask = Ask(challenge, "", words=words)
    return [read(ask, answer, text).prediction for text in texts]


def _scores(run: Run, which: Measure, rows: str) -> Sequence[float]:
    """Returns the kept score of each row; empty where it is computed from the texts."""
    kept = run.outputs.hidden_scores if rows == "hidden" else run.outputs.public_scores
    return kept if which == "score" else ()


def _value(run: Run, which: Measure, rows: str) -> float:
    if scores := _scores(run, which, rows):
        return fmean(scores)
    samples, read_as = _rows(run, rows)
    challenge = run.repetition.bundle.challenge
    if which == "score":
        return measure(challenge.metric.name, read_as, [s.target for s in samples], challenge.answer).value
    return fmean(_row_values(which, challenge, samples, read_as))


def _row_values(
    which: Measure, challenge: Challenge, samples: Sequence[Sample], read_as: Sequence[Prediction]
) -> Sequence[float]:
    """Returns the value of each row. Their mean is the measure, except for macro F1."""
    if which == "score":
        return measure(challenge.metric.name, read_as, [s.target for s in samples], challenge.answer).rows
    assert isinstance(challenge.answer, Json)
    answer, listed = challenge.answer, listed_fields(challenge)
    if which == "valid":
        return [float(is_valid(prediction, answer)) for prediction in read_as]
    return [_right(prediction, sample, answer, listed) for prediction, sample in zip(read_as, samples, strict=True)]


def is_valid(prediction: Prediction, answer: Json) -> bool:
    """Returns whether an output is a JSON object that fits the answer's schema.

    It must have all keys of the schema, a listed value for each field with listed values, and a text in all others.
    """
    if not isinstance(prediction, Mapping):
        return False
    return all(_fits(prediction.get(name), allowed) for name, allowed in answer.fields.items())


def _fits(value: object, allowed: Sequence[str] | str) -> bool:
    return isinstance(value, str) and (isinstance(allowed, str) or value in allowed)


def _right(prediction: Prediction, sample: Sample, answer: Json, listed: Sequence[str]) -> float:
    """Returns the share of the listed fields that are right; 0 if the output does not fit the schema."""
    if not (isinstance(prediction, Mapping) and isinstance(sample.target, Mapping) and is_valid(prediction, answer)):
        return 0.0
    return fmean(float(prediction[name] == sample.target.get(name)) for name in listed)


def readings(runs: Sequence[Run], which: Measure, rows: str) -> Readings:
    """Returns the results of one arm's runs as arrays, for `graders.differences`."""
    keys = tuple(run.repetition.key for run in runs)
    challenge = runs[0].repetition.bundle.challenge
    if all(kept := [_scores(run, which, rows) for run in runs]):
        return Readings(np.array(kept, dtype=np.float64), keys)
    both = [_rows(run, rows) for run in runs]
    if which == "score" and challenge.metric.name == "macro_f1":
        numbers = {label: float(n) for n, label in enumerate(sorted({str(s.target) for s in both[0][0]}))}
        values = [[numbers.get(str(prediction), -1.0) for prediction in read_as] for _, read_as in both]
        return Readings(np.array(values), keys, np.array([numbers[str(s.target)] for s in both[0][0]]))
    return Readings(np.array([_row_values(which, challenge, *pair) for pair in both], dtype=np.float64), keys)
