"""What lint asks of the records of findings, and of the texts that state them."""

from __future__ import annotations

import posixpath
import re

from challenges.files.source import Source
from challenges.findings.digest import finding_digest
from challenges.findings.spec import Claim, ClaimRecord, FindingRecord
from challenges.findings.text import literal_numbers, unknown_placeholders
from challenges.lint.claims import lint_hint_results
from challenges.lint.subject import FindingSubject
from challenges.reading import GatheredLesson

# Where a lesson's text shows a finding.
MENTION = re.compile(r"<!--\s*finding:\s*(\S+?)\s*-->")
PROVE = "run `gradus challenge prove`"


def lint_record(subject: FindingSubject, *, can_run: bool) -> None:
    """A finding's texts, and its record: there, fresh, and saying what is claimed.

    `can_run` says that the finding's arms and claims are in order, so that there is something to compare with.
    """
    _texts(subject)
    record = subject.gathered.records.findings.get(subject.finding.id)
    if record is None:
        subject.add(f"`{subject.finding.id}` has no record", PROVE, "id")
    elif can_run and record.digest != finding_digest(subject.finding, subject.bundles, subject.gathered.arms):
        what = f"the record of `{subject.finding.id}` is stale: rows, arms, claims, metric or model have changed since"
        subject.add(what, PROVE, "id")
    elif can_run:
        _verdicts(subject, record)


def _texts(subject: FindingSubject) -> None:
    for key in ("statement", "limits"):
        text = getattr(subject.finding, key)
        for number in literal_numbers(text):
            fix = "write a placeholder such as {challenge.arm.score} or {1.effect}, which is filled from the record"
            subject.add(f"the {key} writes out the number {number}", fix, key)
        for name in unknown_placeholders(subject.finding, text):
            several = len(subject.finding.experiments) > 1
            fix = f"write {{challenge.arm.measure}} or {{{'challenge.' if several else ''}number of the claim.effect}}"
            subject.add(f"the {key} has the placeholder {{{name}}}, which stands for nothing here", fix, key)


def _verdicts(subject: FindingSubject, record: FindingRecord) -> None:
    finding = subject.finding
    expected = [(e.challenge, tuple(arm.id for arm in e.arms), len(finding.claims)) for e in finding.experiments]
    there = [(e.challenge, tuple(arm.id for arm in e.arms), len(e.claims)) for e in record.experiments]
    if expected != there:
        subject.add(f"the record of `{finding.id}` lacks arms or claims", f"{PROVE} with --force", "id")
        return
    for experiment in record.experiments:
        for n, (claim, measured) in enumerate(zip(finding.claims, experiment.claims, strict=True)):
            if not measured.holds or measured.found != claim.found:
                what = f"the claim does not hold on `{experiment.challenge}`: {in_words(claim, measured)}"
                subject.add(what, "state what was found, or leave the claim out", "claims", n)
    lint_hint_results(subject, record)


def in_words(claim: Claim, measured: ClaimRecord) -> str:
    """What was found beside what is claimed."""
    low, high = f"{measured.low:+.3f}", f"{measured.high:+.3f}"
    numbers = f"effect {measured.effect:+.3f}, 95 % interval {low} to {high}, p = {measured.p:.4f}"
    if measured.found == "unclear" and not measured.low <= 0 <= measured.high and claim.found != "spread":
        return f"a difference was found, but below at_least = {claim.at_least:g} ({numbers})"
    return f"claimed is {claim.found}, found was {measured.found} ({numbers})"


def _is_broken(source: Source, gathered: GatheredLesson) -> bool:
    """Whether `findings.yaml` is there and cannot be read, so that nothing can be said of what names its findings."""
    return not gathered.findings and source.has(posixpath.join(gathered.rel, "findings.yaml"))


def lint_mentions(source: Source, gathered: GatheredLesson) -> None:
    """Findings that the lesson's text shows, and records, that are not in `findings.yaml`."""
    if _is_broken(source, gathered):
        return
    known = {finding.id for finding in gathered.findings}
    shown = {finding.id for finding in gathered.findings if finding.shown}
    listed = f"name one of {', '.join(sorted(shown))}" if shown else "declare it in findings.yaml"
    file = posixpath.join(gathered.rel, "lesson.md")
    for number, line in enumerate((gathered.text or "").split("\n"), 1):
        for name in MENTION.findall(line):
            if name in known - shown:
                source.add(
                    file, number, f"the finding `{name}` is `shown: false`", "remove the mark, or `shown: false`"
                )
            elif name not in known:
                source.add(file, number, f"there is no finding `{name[:80]}`", listed)
    for name in sorted(gathered.records.findings.keys() - known):
        place = gathered.records_located.line("findings", name) if gathered.records_located else None
        file = posixpath.join(gathered.rel, "findings.json")
        fix = "remove it; `gradus challenge prove` does so when it records something"
        source.add(file, place, f"there is no finding `{name}` that this could be the record of", fix)
