"""What lint asks of hints: that a finding has measured what each of them advises."""

from __future__ import annotations

import posixpath
from itertools import product

from challenges import kinds
from challenges.bundle import ChallengeBundle
from challenges.findings import ArmRecord, FindingRecord, Measure
from challenges.folders import GatheredLesson
from challenges.lint_finding_subject import FindingSubject
from challenges.metrics import metrics
from challenges.source import Source

MEND = (
    "compare a submission that follows it with one that does not in findings.yaml, and write `hints: [{name}]` there "
    "(`shown: false` keeps the finding off the page); or reword the hint so that it says one thing that can be measured"
)


def split_hint(name: str) -> tuple[str, int]:
    """The challenge of a hint's name, and the hint's number from 1."""
    challenge, _, number = name.rpartition(".")
    return challenge, int(number)


def can_measure(bundle: ChallengeBundle) -> bool:
    """Whether findings can compare scores of the challenge, so that its hints can be measured."""
    challenge = bundle.challenge
    metric = metrics().get(challenge.metric.name)
    return kinds.find(challenge.kind).is_scored_by_rows(challenge) and (metric is None or metric.in_findings)


def lint_unmeasured_hints(source: Source, gathered: GatheredLesson) -> None:
    """Hints that no finding names, in a lesson that has findings."""
    if not gathered.findings:
        return
    named = {name for finding in gathered.findings for name in finding.hints}
    for challenge, bundle in gathered.challenges:
        if bundle is None or not can_measure(bundle):
            continue
        file = posixpath.join(gathered.rel, challenge, "challenge.yaml")
        located = source.yaml(file)
        for place in range(len(bundle.challenge.hints)):
            name = f"{challenge}.{place + 1}"
            if name not in named:
                line = located.line("hints", place) if located else None
                source.add(file, line, f"hint {place + 1} was not measured", MEND.format(name=name))


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
