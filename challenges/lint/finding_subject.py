"""A finding that lint checks, and the line on which each of its keys stands in `findings.yaml`."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from challenges.bundle import ChallengeBundle
from challenges.files.source import Source
from challenges.findings.runs import Repetition, repetitions
from challenges.findings.spec import Arm, Experiment, Finding
from challenges.lint.subject import Subject
from challenges.reading import GatheredLesson


@dataclass(frozen=True)
class FindingSubject:
    """Finding number `index` of a lesson. `subjects` are the lesson's challenges that can be read, by id."""

    source: Source
    gathered: GatheredLesson
    subjects: Mapping[str, Subject]
    index: int

    @property
    def finding(self) -> Finding:
        return self.gathered.findings[self.index]

    @property
    def bundles(self) -> dict[str, ChallengeBundle]:
        return {name: subject.bundle for name, subject in self.subjects.items()}

    def add(self, what: str, mend: str, *path: str | int) -> None:
        """A problem with a key of this finding in `findings.yaml`."""
        located = self.gathered.findings_located
        line = located.line("findings", self.index, *path) if located else None
        self.source.add(posixpath.join(self.gathered.rel, "findings.yaml"), line, what, mend)

    def arms(self) -> Iterator[tuple[Experiment, Arm, tuple[str | int, ...]]]:
        """Each arm with its experiment and its place."""
        for n, experiment in enumerate(self.finding.experiments):
            for m, arm in enumerate(experiment.arms):
                yield experiment, arm, ("experiments", n, "arms", m)

    @cached_property
    def runs(self) -> dict[tuple[str, str], tuple[Repetition, ...]]:
        """The runs of each arm whose files can be read, by challenge and arm."""
        bundles = self.bundles
        return {
            (experiment.challenge, arm.id): repetitions(arm, bundles[experiment.challenge], self.gathered.arms)
            for experiment, arm, _ in self.arms()
            if experiment.challenge in bundles
            and all((experiment.challenge, file) in self.gathered.arms for file in arm.files)
        }

    @property
    def is_whole(self) -> bool:
        """Whether the files of all arms could be read, so that every arm can be run."""
        return len(self.runs) == len({(e.challenge, arm.id) for e, arm, _ in self.arms()})


def finding_subjects(
    source: Source, gathered: GatheredLesson, only: Collection[str] | None = None
) -> list[FindingSubject]:
    """A lesson's findings, or those with an id in `only`. Make them before lint adds problems with rows."""
    whole = [(name, bundle) for name, bundle in gathered.challenges if bundle is not None]
    subjects = {name: Subject(source, posixpath.join(gathered.rel, name), bundle) for name, bundle in whole}
    chosen = [n for n, finding in enumerate(gathered.findings) if only is None or finding.id in only]
    return [FindingSubject(source, gathered, subjects, index) for index in chosen]
