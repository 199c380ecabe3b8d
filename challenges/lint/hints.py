"""What lint asks of a finding that names hints: that it measures what they advise, and that they help."""

from __future__ import annotations

from itertools import product

from challenges.bundle import ChallengeBundle
from challenges.findings.spec import ArmRecord, FindingRecord, Measure
from challenges.kinds import registry as kinds
from challenges.lint.finding_subject import FindingSubject
from challenges.metrics import metrics


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
