"""What lint asks of a finding's claims and hints.

The arms of a claim differ in one thing and are repeated often enough. A finding that names hints measures what they
advise, and shows that they help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from challenges.bundle import ChallengeBundle
from challenges.findings.controls import LINEAR
from challenges.findings.runs import Repetition, measures
from challenges.findings.spec import Arm, ArmRecord, Claim, Experiment, FindingRecord, Measure
from challenges.kinds import registry as kinds
from challenges.lint.subject import FindingSubject
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
        fix = f"name one of {', '.join(arms)} (each claim is tested in each experiment)"
        subject.add(what, fix, "claims", n, "arms", claim.arms.index(name))
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
    if one is not None and other is not None and one != other and varies not in ("examples", "method", "rows"):
        fix = "give both the same count, per_label and seed"
        subject.add(f"{names} draw different example sets, but the claim varies {varies}", fix, "claims", n, "arms")
        differ.discard("examples")
    if not differ:
        what, fix = f"{names} do not differ in anything", f"let them differ in {varies}"
    elif differ != {varies}:
        what = f"{names} differ in {_listed(differ)}, but the claim varies {varies}"
        same = differ - {varies}
        fix = f"let them differ in {varies} only"
        fix += f" (give both the same {_listed(same)})" if varies in differ else ", or name in `varies` what differs"
    else:
        return
    subject.add(what, fix, "claims", n, "arms")


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
        # A prompt against a training run, which have nothing in common that could be equal.
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
    if LINEAR in (one.control, other.control):
        # A regression reads the rows alone: it has no instructions, and no settings of the training run.
        unequal &= {"rows"}
    if one.control != other.control:
        unequal = (unequal | {"method"}) - {"hyperparameters"}
    return unequal


def _repetitions(subject: FindingSubject, n: int, claim: Claim, runs: Mapping[str, Sequence[Repetition]]) -> None:
    metric = metrics().get(next(iter(runs.values()))[0].bundle.challenge.metric.name)
    is_regression = all(run.control == LINEAR for repeated in runs.values() for run in repeated)
    if is_regression or (metric is not None and metric.of_documents):
        # What is found depends on no draw and on next to no seed, so that only the rows are a sample.
        return
    counts = {name: _count(repeated) for name, repeated in runs.items()}
    if not any(counts[name] >= _needed(repeated) for name, repeated in runs.items()):
        had = ", ".join(f"`{name}` {count}" for name, count in counts.items())
        what = f"no arm of the claim is repeated often enough to tell an effect from chance (different runs: {had})"
        fix = f"repeat one over {REPETITIONS_MIN} example sets or files, or {SEEDS_MIN} training seeds"
        subject.add(what, fix, "claims", n, "arms")
    if claim.found == "spread" and len({tuple(run.key for run in repeated) for repeated in runs.values()}) > 1:
        fix = "give all of them the same example_sets or seeds"
        subject.add("the arms of a spread have different repetitions", fix, "claims", n, "arms")


def _count(runs: Sequence[Repetition]) -> int:
    """Runs that are not the same run twice."""
    return len({(sha256(run.payload), _seed(run)) for run in runs})


def _needed(runs: Sequence[Repetition]) -> int:
    return SEEDS_MIN if len({_seed(run) for run in runs}) > 1 else REPETITIONS_MIN


def _seed(run: Repetition) -> int:
    """The training seed. That of a regression only draws the folds of its cross-validation, so it is no repetition."""
    if run.control == LINEAR:
        return 0
    return kinds.find(run.payload.kind).seed(run.bundle.challenge)


def split_hint(name: str) -> tuple[str, int]:
    """The challenge of a hint's name, and the hint's number from 1."""
    challenge, _, number = name.rpartition(".")
    return challenge, int(number)


def can_measure(bundle: ChallengeBundle) -> bool:
    """Whether findings can compare scores of the challenge, so that its hints can be measured."""
    challenge = bundle.challenge
    metric = metrics().get(challenge.metric.name)
    return kinds.find(challenge.kind).is_scored_by_rows(challenge) and (metric is None or metric.in_findings)


def lint_hints(subject: FindingSubject) -> None:
    """The hints that a finding names are there, and one of its claims says that a submission becomes better."""
    finding = subject.finding
    measured = {experiment.challenge for experiment in finding.experiments}
    for place, name in enumerate(finding.hints):
        challenge, number = split_hint(name)
        bundle = subject.bundles.get(challenge)
        if challenge not in measured:
            what = f"the finding measures nothing on `{challenge}`, so it cannot measure its hint"
            subject.add(what, f"name a hint of {' or '.join(sorted(measured))}", "hints", place)
        elif bundle is not None and number > len(bundle.challenge.hints):
            what = f"`{challenge}` has no hint {number}"
            subject.add(what, f"name one from 1 to {len(bundle.challenge.hints)}", "hints", place)
        elif bundle is not None and not can_measure(bundle):
            subject.add(f"findings cannot compare scores of `{challenge}`", "remove its hint here", "hints", place)
    if finding.hints and not any(claim.found == "higher" for claim in finding.claims):
        what = "no claim is higher, so the finding does not show that its hints help"
        subject.add(what, "let one be higher, with the arm that follows the hint first", "claims", 0, "found")


def lint_hint_results(subject: FindingSubject, record: FindingRecord) -> None:
    """Learners follow hints on public rows, so each `higher` claim of the finding is true there, too.

    `record` has the finding's experiments, arms and claims. Whether the claims hold is told elsewhere.
    """
    claims = [claim for claim in subject.finding.claims if claim.found == "higher"]
    for (place, name), claim in product(enumerate(subject.finding.hints), claims):
        experiment = next((one for one in record.experiments if one.challenge == split_hint(name)[0]), None)
        arms = {arm.id: arm for arm in experiment.arms} if experiment else {}
        first, second = (_public_mean(arms.get(arm), claim.measure) for arm in claim.arms)
        if first is None or second is None:
            subject.add(
                "the record lacks scores on public rows", "run `gradus challenge prove --force`", "hints", place
            )
        elif first <= second:
            what = f"on public rows, where learners try the hint, `{claim.arms[0]}` has {first:.3f} and "
            what += f"`{claim.arms[1]}` has {second:.3f}"
            subject.add(what, "reword the hint: it does not help where a learner could see it", "hints", place)


def _public_mean(arm: ArmRecord | None, measure: Measure) -> float | None:
    values = [run.public.get(measure) for run in arm.runs] if arm else []
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
