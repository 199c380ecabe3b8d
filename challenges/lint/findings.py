"""What lint asks of a lesson's findings: experiments that can be run, claims that follow from them, fresh records."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from challenges.files.source import Source
from challenges.findings.controls import refusal
from challenges.findings.runs import by_label, draw, measures
from challenges.findings.spec import Arm, Control, ExampleSets
from challenges.findings.text import named
from challenges.kinds import registry as kinds
from challenges.lint.claims import lint_claims, lint_hints
from challenges.lint.records import lint_mentions, lint_record
from challenges.lint.spec import lint_payload, refusals
from challenges.lint.subject import FindingSubject, Subject, finding_subjects
from challenges.metrics import metrics
from challenges.reading import GatheredLesson


def lint_findings(source: Source, gathered: GatheredLesson, only: Collection[str] | None = None) -> None:
    """All that is wrong with a lesson's findings, or those in `only`, with their records and with mentions of them."""
    for subject in finding_subjects(source, gathered, only):
        before = len(source.problems)
        lint_declared(subject)
        lint_record(subject, can_run=len(source.problems) == before and subject.is_whole)
    lint_mentions(source, gathered)


def lint_declared(subject: FindingSubject) -> None:
    """What has to be right before anything is run."""
    finding = subject.finding
    if finding.id in [other.id for other in subject.gathered.findings[: subject.index]]:
        subject.add(f"the finding `{finding.id}` stands twice", "rename one of them", "id")
    for n, experiment in enumerate(finding.experiments):
        place = ("experiments", n, "challenge")
        if experiment.challenge in [other.challenge for other in finding.experiments[:n]]:
            subject.add(f"two experiments use `{experiment.challenge}`", "put all arms into one of them", *place)
        _challenge(subject, experiment.challenge, *place)
        for m in _repeated(arm.id for arm in experiment.arms):
            what = f"the arm `{experiment.arms[m].id}` stands twice"
            subject.add(what, "rename one of them", "experiments", n, "arms", m, "id")
    for experiment, arm, arm_place in subject.arms():
        if (experiment.challenge, arm.id) in subject.runs:
            _arm(subject, subject.subjects[experiment.challenge], arm, arm_place)
        elif not arm.files and experiment.challenge in subject.bundles:
            what = f"`{experiment.challenge}` shows no rows with labels that `{arm.id}` could be trained on"
            subject.add(what, "give the arm files with rows", *arm_place, "id")
    _numbers(subject)
    lint_claims(subject)
    lint_hints(subject)


def _repeated(names: Iterable[object]) -> list[int]:
    listed = list(names)
    return [index for index, name in enumerate(listed) if name in listed[:index]]


def _challenge(subject: FindingSubject, name: str, *place: str | int) -> None:
    listed = [known for known, _ in subject.gathered.challenges]
    if name not in listed:
        fix = f"name one of {', '.join(listed)}" if listed else "list it in lesson.yaml"
        subject.add(f"there is no challenge `{name}` in this lesson", fix, *place)
    elif name not in subject.subjects:
        subject.add(f"the challenge `{name}` cannot be read", "correct its challenge.yaml first", *place)
    elif not kinds.find(subject.bundles[name].challenge.kind).has_samples:
        subject.add(f"`{name}` has no rows to compare arms on", "name a challenge with rows", *place)
    elif not subject.bundles[name].hidden or not subject.bundles[name].public:
        if not subject.subjects[name].unread:
            subject.add(f"`{name}` lacks public or hidden rows", "add rows to it", *place)
    else:
        _metric(subject, name, subject.bundles[name].challenge.metric.name, place)


def _metric(subject: FindingSubject, challenge: str, name: str, place: tuple[str | int, ...]) -> None:
    metric = metrics().get(name)
    compared = any(claim.measure == "score" for claim in subject.finding.claims)
    if compared and metric is not None and not metric.in_findings:
        what = f"the metric `{name}` of `{challenge}` is not a mean over rows, so no claim can compare its score"
        subject.add(what, "name a challenge with another metric", *place)


def _arm(subject: FindingSubject, challenge: Subject, arm: Arm, place: tuple[str | int, ...]) -> None:
    if arm.control is not None:
        _control(subject, challenge, arm, arm.control, place)
    for index in _repeated(arm.files):
        subject.add(f"`{arm.files[index]}` stands twice", "name each file once", *place, "files", index)
    for index in _repeated(arm.seeds):
        subject.add(f"the seed {arm.seeds[index]} stands twice", "give three different seeds", *place, "seeds", index)
    if not arm.files:
        if arm.example_sets is not None:
            _example_sets(subject, challenge, arm, arm.example_sets, place)
        return
    payloads = [subject.gathered.arms[challenge.challenge.id, file] for file in arm.files]
    if arm.seeds and not kinds.find(payloads[0].kind).is_trained:
        subject.add(f"`{arm.id}` trains nothing, so seeds change nothing", "remove seeds", *place, "seeds")
    if arm.example_sets is None:
        for file, payload in zip(arm.files, payloads, strict=True):
            lint_payload(challenge, file, payload)
    elif not kinds.find(payloads[0].kind).draws_examples:
        what = f"`{arm.id}` is no prompt, so it takes no examples"
        subject.add(what, "remove example_sets; repeat a training run over seeds", *place, "example_sets")
    elif kinds.find(payloads[0].kind).inputs(payloads[0]):
        what = f"`{arm.files[0]}` has examples of its own, which example_sets would replace"
        subject.add(what, "remove them from the file, or remove example_sets", *place, "example_sets")
    else:
        _example_sets(subject, challenge, arm, arm.example_sets, place)


def _control(
    subject: FindingSubject, challenge: Subject, arm: Arm, control: Control, place: tuple[str | int, ...]
) -> None:
    """Why a control can do nothing with the rows of its arm, said once however often the arm is repeated."""
    runs = subject.runs[challenge.challenge.id, arm.id]
    refused = dict.fromkeys(refusal(control, run.payload, challenge.challenge) for run in runs)
    for what, fix in filter(None, refused):
        subject.add(f"the control `{arm.id}` {what}", fix, *place, "control")


def _example_sets(
    subject: FindingSubject, challenge: Subject, arm: Arm, sets: ExampleSets, place: tuple[str | int, ...]
) -> None:
    bundle = challenge.bundle
    groups = by_label(bundle)
    if not groups:
        what = "the answers have neither labels nor a field with listed values to draw examples by"
        subject.add(what, "name files with examples instead", *place, "example_sets")
    for label, rows in groups.items():
        if len(rows) < sets.per_label and "train.jsonl" not in challenge.unread:
            what = f"train.jsonl has {len(rows)} rows of `{label}`, and per_label asks for {sets.per_label}"
            subject.add(what, "add rows or lower per_label", *place, "example_sets", "per_label")
    size = len(draw(bundle, sets, 1))
    if arm.order and len(arm.order) != size:
        what = f"order names {len(arm.order)} positions, but a set has {size} examples"
        subject.add(what, f"arrange 0 to {size - 1}", *place, "order")
    for run in subject.runs[bundle.challenge.id, arm.id] if arm.control is None else ():
        for problem in refusals(bundle.challenge, run.payload):
            what = f"{run.name}: a submit would be refused ({problem.code}) because of `{problem.field}`"
            subject.add(what, problem.message, *place)


def _numbers(subject: FindingSubject) -> None:
    """Placeholders for a measure that the challenge does not have."""
    for key in ("statement", "limits"):
        for challenge, arm, measure in named(subject.finding, getattr(subject.finding, key)):
            bundle = subject.bundles.get(challenge)
            if bundle is not None and measure not in measures(bundle.challenge):
                what = f"`{challenge}` is not measured by `{measure}`"
                subject.add(what, f"use {', '.join(measures(bundle.challenge))} for {arm}", key)
