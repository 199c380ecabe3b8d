"""What lint checks, with the places of its keys and rows: a challenge, or a finding of a lesson."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from challenges.bundle import ChallengeBundle
from challenges.files.rows import row_lines
from challenges.files.source import ROWS_MAX, Source
from challenges.files.yaml_lines import Located
from challenges.findings.controls import public_rows
from challenges.findings.runs import Repetition, repetitions
from challenges.findings.spec import Arm, Experiment, Finding
from challenges.problems import Problem
from challenges.reading import GatheredLesson
from challenges.rows import AnyRow, Sample
from challenges.spec import Challenge

ROW_FILES = ("public.jsonl", "hidden.jsonl", "train.jsonl", "gold.jsonl", "attacks.jsonl", "benign.jsonl")
Rows = tuple[Sample | AnyRow, ...]


@dataclass
class Subject:
    """`rel` is the challenge's folder below `source.root`. Make it before lint adds problems with rows."""

    source: Source
    rel: str
    bundle: ChallengeBundle
    _lines: dict[str, list[int]] = field(init=False)
    unread: frozenset[str] = field(init=False)
    """The row files of which something cannot be read, so that counts of their rows say nothing."""

    def __post_init__(self) -> None:
        wrong = {problem.file for problem in self.source.problems}
        self.unread = frozenset(name for name in ROW_FILES if self.at(name) in wrong)
        self._lines = {name: self._good_lines(name) for name in ROW_FILES}

    @property
    def challenge(self) -> Challenge:
        return self.bundle.challenge

    def at(self, name: str) -> str:
        """A file's path as problems name it."""
        return posixpath.join(self.rel, name)

    @cached_property
    def located(self) -> Located | None:
        return self.source.yaml(self.at("challenge.yaml"))

    def _good_lines(self, name: str) -> list[int]:
        bad = {problem.line for problem in self.source.problems if problem.file == self.at(name)}
        data = self.source.data(self.at(name), ROWS_MAX, needed=False) or b""
        return [line for line, _ in row_lines(data) if line not in bad]

    @property
    def files(self) -> tuple[tuple[str, Rows], ...]:
        """Rows by file; where two files hold the same row, the later one is to blame."""
        bundle = self.bundle
        return (("public.jsonl", bundle.public), ("train.jsonl", bundle.train), ("hidden.jsonl", bundle.hidden))

    def line(self, name: str, index: int) -> int:
        """The line of row `index` (from 0) of a JSON Lines file."""
        return self._lines[name][index]

    def spec(self, what: str, fix: str, *path: str | int) -> None:
        """A problem with a key of `challenge.yaml`."""
        line = self.located.line(*path) if self.located else None
        self.source.add(self.at("challenge.yaml"), line, what, fix)

    def advise(self, what: str, fix: str, *path: str | int) -> None:
        """Advice about a key of `challenge.yaml`, which nobody must follow."""
        line = self.located.line(*path) if self.located else None
        self.source.advice.append(Problem(self.at("challenge.yaml"), line, what, fix))

    def row(self, name: str, index: int, what: str, fix: str) -> None:
        """A problem with a row; its text is not repeated, as hidden rows must not get into logs."""
        self.source.add(self.at(name), self.line(name, index), what, fix)


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

    def add(self, what: str, fix: str, *path: str | int) -> None:
        """A problem with a key of this finding in `findings.yaml`."""
        located = self.gathered.findings_located
        line = located.line("findings", self.index, *path) if located else None
        self.source.add(posixpath.join(self.gathered.rel, "findings.yaml"), line, what, fix)

    def arms(self) -> Iterator[tuple[Experiment, Arm, tuple[str | int, ...]]]:
        """Each arm with its experiment and its place."""
        for n, experiment in enumerate(self.finding.experiments):
            for m, arm in enumerate(experiment.arms):
                yield experiment, arm, ("experiments", n, "arms", m)

    @cached_property
    def runs(self) -> dict[tuple[str, str], tuple[Repetition, ...]]:
        """The runs of each arm whose rows or files can be read, by challenge and arm."""
        bundles = self.bundles
        return {
            (experiment.challenge, arm.id): repetitions(arm, bundles[experiment.challenge], self.gathered.arms)
            for experiment, arm, _ in self.arms()
            if experiment.challenge in bundles
            and (arm.files or public_rows(bundles[experiment.challenge]))
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
