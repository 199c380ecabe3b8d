"""Selects findings by a path and ids, and checks them before an experiment is run."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from challenges.files.source import Source
from challenges.findings.spec import Finding
from challenges.lint.findings import lint_declared, lint_findings
from challenges.lint.run import MARKERS
from challenges.lint.subject import finding_subjects
from challenges.problems import Problem
from challenges.reading import GatheredLesson, gather_course, gather_lesson


@dataclass(frozen=True)
class Chosen:
    """The selected findings of one lesson; `folder` is the folder of the lesson."""

    folder: Path
    source: Source
    gathered: GatheredLesson
    findings: tuple[Finding, ...]

    @property
    def known(self) -> set[str]:
        """The ids of all findings of the lesson, selected or not."""
        return {finding.id for finding in self.gathered.findings}

    @property
    def is_broken(self) -> bool:
        """Whether findings.yaml exists but cannot be read."""
        return not self.gathered.findings and (self.folder / "findings.yaml").exists()

    def only(self, ids: Collection[str]) -> Chosen:
        """The selection reduced to these ids; unchanged if there are none."""
        return replace(self, findings=tuple(one for one in self.findings if one.id in ids)) if ids else self

    def problems(self, *, checked: bool) -> list[Problem]:
        """The problems of the findings and of the files that they need; if `checked`, also those of their records.

        Files are named relative to the path that the person typed.
        """
        ids, start = {finding.id for finding in self.findings}, len(self.source.problems)
        if checked:
            lint_findings(self.source, self.gathered, ids)
        else:
            for subject in finding_subjects(self.source, self.gathered, ids):
                lint_declared(subject)
        needed = self._needed()
        problems = [one for one in self.source.problems[:start] if one.file.startswith(needed)]
        problems += self.source.problems[start:]
        return [replace(one, file=str(self.source.root / one.file)) for one in dict.fromkeys(problems)]

    def _needed(self) -> tuple[str, ...]:
        """The prefixes of the names of all files that the findings depend on."""
        folders = {e.challenge + "/" for finding in self.findings for e in finding.experiments}
        names = {"lesson.yaml", "findings.yaml", "findings.json", *folders}
        return tuple(posixpath.join(self.gathered.rel, name) for name in names)


def chosen_findings(path: Path) -> list[Chosen]:
    """The findings of the course or lesson at `path`; for a challenge, the findings of its lesson that use it."""
    folder = path.parent if path.name in MARKERS else path
    lessons = list(_lessons(folder))
    name = folder.resolve().name
    if lessons or not (folder / "challenge.yaml").exists():
        return lessons
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
