"""What lint asks of a finding's claims: arms that differ in one thing, and enough repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from challenges.findings.runs import Repetition, measures
from challenges.findings.spec import Arm, Claim, Experiment
from challenges.kinds import registry as kinds
from challenges.lint.finding_subject import FindingSubject
from challenges.metrics import metrics
from challenges.payloads import sha256
from challenges.spec import Challenge

SEEDS_MIN, REPETITIONS_MIN = 3, 5


def lint_claims(subject: FindingSubject) -> None:
    """Each claim in each experiment of the finding."""
    for n, claim in enumerate(subject.finding.claims):
        if len(set(claim.arms)) < len(claim.arms):
            subject.add("a claim compares an arm with itself", "name different arms", "claims", n, "arms")
            continue
        for experiment in subject.finding.experiments:
            _claim(subject, n, claim, experiment)


def _claim(subject: FindingSubject, n: int, claim: Claim, experiment: Experiment) -> None:
    arms = {arm.id: arm for arm in experiment.arms}
    unknown = [name for name in claim.arms if name not in arms]
    for name in unknown:
        what = f"the experiment on `{experiment.challenge}` has no arm `{name}`"
        mend = f"name one of {', '.join(arms)} (each claim is tested in each experiment)"
        subject.add(what, mend, "claims", n, "arms", claim.arms.index(name))
    runs = {name: subject.runs.get((experiment.challenge, name), ()) for name in claim.arms}
    if unknown or not all(runs.values()):
        return
    challenge = subject.bundles[experiment.challenge].challenge
    if claim.measure not in measures(challenge):
        what = f"`{experiment.challenge}` is not measured by `{claim.measure}`"
        subject.add(what, f"use {' or '.join(measures(challenge))}", "claims", n, "measure")
    for first, second in combinations(claim.arms, 2):
        _pair(subject, n, claim, (arms[first], runs[first]), (arms[second], runs[second]), challenge)
    _repetitions(subject, n, claim, runs)


ArmRuns = tuple[Arm, Sequence[Repetition]]


def _pair(subject: FindingSubject, n: int, claim: Claim, first: ArmRuns, second: ArmRuns, challenge: Challenge) -> None:
    names = f"`{first[0].id}` and `{second[0].id}`"
    varies = claim.varies
    differ = differences(first[1], second[1], challenge)
    one, other = first[0].example_sets, second[0].example_sets
    if one is not None and other is not None and one != other and varies not in ("examples", "method"):
        mend = "give both the same count, per_label and seed"
        subject.add(f"{names} draw different example sets, but the claim varies {varies}", mend, "claims", n, "arms")
        differ.discard("examples")
    if not differ:
        what, mend = f"{names} do not differ in anything", f"let them differ in {varies}"
    elif differ != {varies}:
        what = f"{names} differ in {_listed(differ)}, but the claim varies {varies}"
        same = differ - {varies}
        mend = f"let them differ in {varies} only"
        mend += f" (give both the same {_listed(same)})" if varies in differ else ", or name in `varies` what differs"
    else:
        return
    subject.add(what, mend, "claims", n, "arms")


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names))


def differences(first: Sequence[Repetition], second: Sequence[Repetition], challenge: Challenge) -> set[str]:
    """In what the runs of two arms differ, in the words of `varies`.

    Runs are compared one by one where both arms have equally many, else each with each. Seeds are repetitions and no
    difference.
    """
    pairs = zip(first, second, strict=True) if len(first) == len(second) else product(first, second)
    return {name for one, other in pairs for name in _different(one, other, challenge)}


def _different(one: Repetition, other: Repetition, challenge: Challenge) -> set[str]:
    if one.payload.kind != other.payload.kind:
        return {"method"}
    kind = kinds.find(one.payload.kind)
    a, b = kind.parts(challenge, one.payload), kind.parts(challenge, other.payload)
    unequal = {name for name in a if a[name] != b[name]}
    if "examples" in unequal:
        # Other examples stand in another order as well: that is one difference.
        unequal.discard("order")
    if "method" in unequal:
        # Another way to train has settings of its own: no learning rate is fair to full fine-tuning and to an adapter.
        unequal.discard("hyperparameters")
    return unequal


def _repetitions(subject: FindingSubject, n: int, claim: Claim, runs: Mapping[str, Sequence[Repetition]]) -> None:
    metric = metrics().get(next(iter(runs.values()))[0].bundle.challenge.metric.name)
    if metric is not None and metric.of_documents:
        # What is found depends on no draw and no seed, so that only the rows are a sample.
        return
    counts = {name: _count(found) for name, found in runs.items()}
    if not any(counts[name] >= _needed(found) for name, found in runs.items()):
        had = ", ".join(f"`{name}` {count}" for name, count in counts.items())
        what = f"no arm of the claim is repeated often enough to tell an effect from chance (different runs: {had})"
        mend = f"repeat one over {REPETITIONS_MIN} example sets or files, or {SEEDS_MIN} training seeds"
        subject.add(what, mend, "claims", n, "arms")
    if claim.found == "spread" and len({tuple(run.key for run in found) for found in runs.values()}) > 1:
        mend = "give all of them the same example_sets or seeds"
        subject.add("the arms of a spread have different repetitions", mend, "claims", n, "arms")


def _count(runs: Sequence[Repetition]) -> int:
    """Runs that are not the same run twice."""
    return len({(sha256(run.payload), _seed(run)) for run in runs})


def _needed(runs: Sequence[Repetition]) -> int:
    return SEEDS_MIN if len({_seed(run) for run in runs}) > 1 else REPETITIONS_MIN


def _seed(run: Repetition) -> int:
    return kinds.find(run.payload.kind).seed(run.bundle.challenge)
