"""What a record of a finding stands for: two digests, of one run and of a whole finding. No engine is part of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenges.bundle import ChallengeBundle, sha256_of
from challenges.catalogue import MODELS
from challenges.findings import Experiment, Finding
from challenges.findings_runs import Arms, Repetition, experiment_runs
from challenges.kinds.tune import TunePayload, tune
from challenges.spec import dump

# The test's constants. Changing one makes every record stale.
RESAMPLES = 2_000
PERMUTATIONS = 1_000
TEST_SEED = 17
LEVEL = 0.95
P_MAX = 0.05
TEST = {"resamples": RESAMPLES, "permutations": PERMUTATIONS, "seed": TEST_SEED, "level": LEVEL, "p_max": P_MAX}


def run_digest(repetition: Repetition) -> str:
    """Digest of all that decides which outputs a run gives: inputs, submission, prompt, answer, base model, training.

    Targets are not part of it: a corrected target changes scores and no output, so that nothing runs again.
    """
    bundle, payload = repetition.bundle, repetition.payload
    challenge = bundle.challenge
    section = tune(challenge) if isinstance(payload, TunePayload) else None
    return sha256_of(
        {
            "model": checkpoint(challenge.model),
            "public": [sample.input for sample in bundle.public],
            "hidden": [sample.input for sample in bundle.hidden],
            "answer": dump(challenge.answer) if challenge.answer else None,
            "prompt": dump(challenge.prompt),
            "payload": payload.model_dump(mode="json"),
            "training": {"fixed": dump(section.fixed), "row_tokens_max": section.row_tokens_max} if section else None,
        }
    )


def finding_digest(finding: Finding, bundles: Mapping[str, ChallengeBundle], arms: Arms) -> str:
    """Digest of all that decides a finding's record: runs, rows with their targets, metrics, claims and the test.

    Texts and titles are not part of it. Raises KeyError where a challenge or an arm's file is not there.
    """
    experiments = [_experiment(experiment, bundles[experiment.challenge], arms) for experiment in finding.experiments]
    claims = [dump(claim) for claim in finding.claims]
    return sha256_of({"test": TEST, "rows": finding.rows, "experiments": experiments, "claims": claims})


def _experiment(experiment: Experiment, bundle: ChallengeBundle, arms: Arms) -> dict[str, Any]:
    runs = experiment_runs(experiment, bundle, arms)
    return {
        "challenge": experiment.challenge,
        "metric": dump(bundle.challenge.metric),
        "public": [dump(sample) for sample in bundle.public],
        "hidden": [dump(sample) for sample in bundle.hidden],
        "arms": {arm: [[one.name, one.key, run_digest(one)] for one in found] for arm, found in runs.items()},
    }


def checkpoint(model: str | None) -> str:
    """What tells the base model's weights apart from others; the name of a model that the catalogue does not know."""
    found = MODELS.get(model or "")
    return found.checkpoint if found else str(model)
