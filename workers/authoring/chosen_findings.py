"""Which findings a path and the ids after `--only` mean, and what is wrong with them before anything is run."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from challenges.findings import Finding
from challenges.folders import GatheredLesson, gather_course, gather_lesson
from challenges.lint import MARKERS
from challenges.lint_finding_subject import finding_subjects
from challenges.lint_findings import lint_declared, lint_findings
from challenges.problems import Problem
from challenges.source import Source


@dataclass(frozen=True)
class Chosen:
    """The chosen findings of one lesson; `folder` is the lesson's."""

    folder: Path
    source: Source
    gathered: GatheredLesson
    findings: tuple[Finding, ...]

    @property
    def known(self) -> set[str]:
        """The ids of all of the lesson's findings."""
        return {finding.id for finding in self.gathered.findings}

    @property
    def is_broken(self) -> bool:
        """Whether findings.yaml is there and cannot be read."""
        return not self.gathered.findings and (self.folder / "findings.yaml").exists()

    def only(self, ids: Collection[str]) -> Chosen:
        return replace(self, findings=tuple(one for one in self.findings if one.id in ids)) if ids else self

    def problems(self, *, checked: bool) -> list[Problem]:
        """What is wrong with the findings and with the files that they need; where `checked`, with the records too.

        Files are named as the path was typed.
        """
        ids, start = {finding.id for finding in self.findings}, len(self.source.problems)
        if checked:
            lint_findings(self.source, self.gathered, ids)
        else:
            for subject in finding_subjects(self.source, self.gathered, ids):
                lint_declared(subject)
        needed = self._needed()
        found = [one for one in self.source.problems[:start] if one.file.startswith(needed)]
        found += self.source.problems[start:]
        return [replace(one, file=str(self.source.root / one.file)) for one in dict.fromkeys(found)]

    def _needed(self) -> tuple[str, ...]:
        """How the names of the files begin that the findings are made of."""
        folders = {e.challenge + "/" for finding in self.findings for e in finding.experiments}
        names = {"lesson.yaml", "findings.yaml", "findings.json", *folders}
        return tuple(posixpath.join(self.gathered.rel, name) for name in names)


def chosen_findings(path: Path) -> list[Chosen]:
    """The findings at or below the folder of a course or lesson; of a challenge, those of its lesson that use it."""
    folder = path.parent if path.name in MARKERS else path
    found = list(_lessons(folder))
    name = folder.resolve().name
    if found or not (folder / "challenge.yaml").exists():
        return found
    return [
        replace(lesson, findings=tuple(f for f in lesson.findings if name in {e.challenge for e in f.experiments}))
        for lesson in _lessons(folder.parent if folder.name else folder.resolve().parent)
    ]


def _lessons(folder: Path) -> Iterator[Chosen]:
    source = Source(folder)
    if (folder / "course.yaml").exists():
        for gathered in gather_course(source).lessons:
            yield Chosen(folder / gathered.rel, source, gathered, gathered.findings)
    elif (folder / "lesson.yaml").exists():
        gathered = gather_lesson(source, "")
        yield Chosen(folder, source, gathered, gathered.findings)
