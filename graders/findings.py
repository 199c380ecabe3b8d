"""From the outputs of an experiment's runs to its record: scores by measure, effects and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np

from challenges.findings import ArmRecord, Claim, ClaimRecord, Experiment, ExperimentRecord, Finding, Measure, RunRecord
from challenges.findings_digest import P_MAX
from challenges.findings_runs import Repetition, listed_fields, measures
from challenges.kinds.prompt import PromptPayload
from challenges.payloads import Submitted
from challenges.spec import Challenge, Json, Label, Sample
from graders.base import Grade
from graders.decoding import Ask, read
from graders.effects import Effect, Readings, difference, spread
from graders.metrics import Prediction, measure

DECIMALS = 4


@dataclass(frozen=True)
class Outputs:
    """What one run gave: the text of each public and of each hidden row, in the order of the files. Private."""

    public: tuple[str, ...]
    hidden: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One repetition with what it gave."""

    repetition: Repetition
    outputs: Outputs


Runs = Mapping[str, Sequence[Run]]


def outputs_of(grade: Grade) -> Outputs:
    """The texts of a grade over public and hidden rows."""
    return Outputs(tuple(row.output for row in grade.public), tuple(row.output for row in grade.hidden))


def experiment_record(finding: Finding, experiment: Experiment, runs: Runs) -> ExperimentRecord:
    """The record of one experiment of `finding`; `runs` are those of each of its arms, by the arm's id."""
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
    """What was found, and whether it is what `claim` says.

    A difference that is sure and yet smaller than `at_least` is found `unclear`, and no claim about it holds: `unclear`
    means that zero lies within the interval.
    """
    found = _found_spread(claim, effect) if claim.found == "spread" else _found_difference(claim, effect)
    within = effect.low <= 0 <= effect.high
    return ClaimRecord(
        effect=_rounded(effect.effect),
        low=_rounded(effect.low),
        high=_rounded(effect.high),
        p=_rounded(effect.p),
        found=found,
        holds=found == claim.found and (within or found != "unclear"),
    )


def _found_spread(claim: Claim, effect: Effect) -> Any:
    return "spread" if effect.effect >= claim.at_least and effect.p < P_MAX else "unclear"


def _found_difference(claim: Claim, effect: Effect) -> Any:
    if effect.low > 0 and effect.effect >= claim.at_least:
        return "higher"
    return "lower" if effect.high < 0 else "unclear"


# --- measures ---------------------------------------------------------------------------------------------------


def _rows(run: Run, rows: str) -> tuple[Sequence[Sample], list[Prediction]]:
    bundle = run.repetition.bundle
    samples, texts = (bundle.hidden, run.outputs.hidden) if rows == "hidden" else (bundle.public, run.outputs.public)
    return samples, predictions(bundle.challenge, run.repetition.payload, texts)


def predictions(challenge: Challenge, payload: Submitted, texts: Sequence[str]) -> list[Prediction]:
    """What a grader reads from the outputs of a submission; the text of a label by likelihood is the label."""
    answer = challenge.answer
    if answer is None or (isinstance(answer, Label) and answer.decode == "score"):
        return list(texts)
    words = payload.label_words if isinstance(payload, PromptPayload) else {}
    ask = Ask(challenge, "", words=words)
    return [read(ask, answer, text).prediction for text in texts]


def _value(run: Run, which: Measure, rows: str) -> float:
    samples, read_as = _rows(run, rows)
    challenge = run.repetition.bundle.challenge
    if which == "score":
        return measure(challenge.metric.name, read_as, [s.target for s in samples], challenge.answer).value
    return fmean(_row_values(which, challenge, samples, read_as))


def _row_values(
    which: Measure, challenge: Challenge, samples: Sequence[Sample], read_as: Sequence[Prediction]
) -> Sequence[float]:
    """Each row's own value, whose mean is the measure (but for macro F1)."""
    if which == "score":
        return measure(challenge.metric.name, read_as, [s.target for s in samples], challenge.answer).rows
    assert isinstance(challenge.answer, Json)
    answer, listed = challenge.answer, listed_fields(challenge)
    if which == "valid":
        return [float(is_valid(found, answer)) for found in read_as]
    return [_right(found, sample, answer, listed) for found, sample in zip(read_as, samples, strict=True)]


def is_valid(found: Prediction, answer: Json) -> bool:
    """Whether an output, read as a grader reads it (the first JSON object in the text), fits the answer's schema.

    It has at least the schema's keys, a listed value where values are listed, and a text elsewhere.
    """
    if not isinstance(found, Mapping):
        return False
    return all(_fits(found.get(name), allowed) for name, allowed in answer.fields.items())


def _fits(value: object, allowed: Sequence[str] | str) -> bool:
    return isinstance(value, str) and (isinstance(allowed, str) or value in allowed)


def _right(found: Prediction, sample: Sample, answer: Json, listed: Sequence[str]) -> float:
    """The share of listed fields that are right; none in an output that does not fit the schema."""
    if not is_valid(found, answer) or not isinstance(found, Mapping) or not isinstance(sample.target, Mapping):
        return 0.0
    return fmean(float(found[name] == sample.target.get(name)) for name in listed)


def readings(runs: Sequence[Run], which: Measure, rows: str) -> Readings:
    """The runs of one arm as numbers, for `graders.effects`."""
    keys = tuple(run.repetition.key for run in runs)
    challenge = runs[0].repetition.bundle.challenge
    both = [_rows(run, rows) for run in runs]
    if which == "score" and challenge.metric.name == "macro_f1":
        numbers = {label: float(n) for n, label in enumerate(sorted({str(s.target) for s in both[0][0]}))}
        values = [[numbers.get(str(found), -1.0) for found in read_as] for _, read_as in both]
        return Readings(np.array(values), keys, np.array([numbers[str(s.target)] for s in both[0][0]]))
    return Readings(np.array([_row_values(which, challenge, *pair) for pair in both], dtype=np.float64), keys)
