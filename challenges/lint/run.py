"""`gradus challenge lint`: every problem of a challenge, a lesson or a course at once, never a traceback."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from challenges.bundle import Baseline, ChallengeBundle
from challenges.files.source import WANTED, Source
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.lint.edition import lint_edition
from challenges.lint.findings import lint_findings
from challenges.lint.lesson import lint_course, lint_ids, lint_lesson, lint_questions
from challenges.lint.lesson_text import lint_lesson_text
from challenges.lint.links import lint_html, lint_links
from challenges.lint.names import lint_names
from challenges.lint.rows import lint_rows, lint_shown_rows
from challenges.lint.spec import lint_spec
from challenges.lint.steps import lint_steps
from challenges.lint.subject import Subject
from challenges.lint.unwritten import has_template_rows, lint_unmeasured, lint_unwritten
from challenges.payloads import Submitted
from challenges.problems import Problem, said_once
from challenges.reading import (
    GatheredCourse,
    GatheredLesson,
    gather_challenge,
    gather_course,
    gather_lesson,
    refuse_other_name,
)
from challenges.registry import RegistryError, load
from challenges.spec import BaselineRef

Similarity = Callable[[ChallengeBundle], list[Problem]]
MARKERS = ("course.yaml", "lesson.yaml", "challenge.yaml")


@dataclass(frozen=True)
class Linted:
    """What lint has found, sorted by file and line: what must be corrected, and advice on what would be better.

    `not_checked` says what this machine cannot check, each with the reason in brackets.
    """

    problems: list[Problem]
    advice: list[Problem]
    not_checked: list[str]


def lint(path: Path | str, similarity: Similarity | None = None) -> list[Problem]:
    """Everything that must be corrected below `path`; see `inspect`."""
    return inspect(path, similarity).problems


def inspect(path: Path | str, similarity: Similarity | None = None) -> Linted:
    """Everything that must be corrected below `path`, and advice; files are relative to `path`.

    `path` is the folder of a course, a lesson or a challenge. Near-duplicates are looked for only with
    `similarity`, which needs sentence embeddings. Raises nothing for anything that an author can write.
    """
    source = Source(Path(path))
    return _inspect(source, _gather(source), similarity)


def inspect_read(source: Source, course: GatheredCourse) -> Linted:
    """Returns what `inspect` returns for a course that was already gathered from `source`, without reading files again.

    It does not look for near-duplicates.
    """
    return _inspect(source, _of_course(source, course), None)


def _inspect(source: Source, gathered: Iterator[Gathered], similarity: Similarity | None) -> Linted:
    subjects = []
    for rel, bundle, arms, measured in gathered:
        subjects.append(subject := Subject(source, rel, bundle))
        lint_challenge(subject, arms, similarity)
        lint_edition(subject, measured)
    lint_shown_rows(subjects)
    lint_unwritten(source)
    return linted(source)


def linted(source: Source) -> Linted:
    """What a source has collected, sorted, and each line once."""
    return Linted(_sorted(source.problems), _sorted(source.advice), list(dict.fromkeys(source.not_checked)))


def inspect_across(source: Source, course: GatheredCourse) -> Linted:
    """Everything that must be corrected in a course and that no lesson shows alone.

    `source` has what was wrong when the course was read. Together with what `inspect` finds in the folder of each
    lesson, this is what it finds in the course.
    """
    listed = [(lesson.rel, name, bundle) for lesson in course.lessons for name, bundle in lesson.challenges]
    subjects = [Subject(source, posixpath.join(rel, name), bundle) for rel, name, bundle in listed if bundle]
    lint_course(source, course)
    lint_ids(source, course.lessons)
    lint_shown_rows(subjects)
    return Linted(_sorted(source.problems), [], [])


def joined(parts: Sequence[Linted]) -> Linted:
    """What lint found in several parts, each problem once."""
    return Linted(
        _sorted([problem for part in parts for problem in part.problems]),
        _sorted([problem for part in parts for problem in part.advice]),
        list(dict.fromkeys(reason for part in parts for reason in part.not_checked)),
    )


def _sorted(problems: list[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return said_once(sorted(unique, key=lambda problem: (problem.file, problem.line or 0)))


# A challenge's folder, its bundle, the submissions of findings' arms by their file in the folder, and `measured.json`.
Gathered = tuple[str, ChallengeBundle, dict[str, Submitted], dict[str, Any]]


def _gather(source: Source) -> Iterator[Gathered]:
    marker = next((name for name in MARKERS if source.has(name)), None)
    if marker == "course.yaml":
        return _of_course(source, gather_course(source))
    if marker == "lesson.yaml":
        return _lessons(source, [gather_lesson(source, "")])
    if marker == "challenge.yaml":
        return _alone(source)
    source.add(".", None, f"holds none of {', '.join(MARKERS)}", "give the folder of a course, lesson or challenge")
    return iter(())


def _of_course(source: Source, course: GatheredCourse) -> Iterator[Gathered]:
    lint_course(source, course)
    lint_links(source, course.lessons)
    lint_names(source)
    return _lessons(source, course.lessons)


def _alone(source: Source) -> Iterator[Gathered]:
    bundle = gather_challenge(source, "")
    if bundle:
        yield "", bundle, {}, {}
        refuse_other_name(source, "", bundle.challenge.id)


def _lessons(source: Source, lessons: list[GatheredLesson]) -> Iterator[Gathered]:
    lint_ids(source, lessons)
    for gathered in lessons:
        lint_lesson(source, gathered)
        lint_lesson_text(source, gathered)
        lint_steps(source, gathered)
        lint_html(source, gathered)
        lint_questions(source, gathered)
        lint_findings(source, gathered)
        for name, bundle in gathered.challenges:
            if bundle:
                arms = {file: payload for (owner, file), payload in gathered.arms.items() if owner == name}
                yield posixpath.join(gathered.rel, name), bundle, arms, gathered.measured


def lint_challenge(subject: Subject, arms: Mapping[str, Submitted], similarity: Similarity | None) -> None:
    """All checks of one challenge. `arms` are the submissions of findings' arms on it, by file."""
    lint_spec(subject)
    _empty_texts(subject)
    lint_unmeasured(subject)
    bundle = subject.bundle
    tracks = [kinds.find(name) for name in bundle.challenge.tracks]
    if tracks[0].has_samples:
        lint_rows(subject)
    for kind in tracks:
        if kind.lint:
            _lint_of(kind)(subject)
    if similarity and tracks[0].has_samples and not has_template_rows(subject):
        for problem in similarity(_with_arms(bundle, arms)):
            subject.source.problems.append(replace(problem, file=subject.at(problem.file)))


def _empty_texts(subject: Subject) -> None:
    """Advice where a text that learners read is there and says nothing."""
    texts = {"statement.md": subject.bundle.statement, "solution.md": subject.bundle.solution}
    for name, text in texts.items():
        if not text.strip() and subject.at(name) not in {problem.file for problem in subject.source.problems}:
            subject.source.advice.append(Problem(subject.at(name), None, "is empty", WANTED[name]))


def _lint_of(kind: Kind) -> Callable[[Subject], None]:
    """Raises RegistryError where a kind of another package still brings a method, as kinds did before version 0.3.0."""
    if not isinstance(kind.lint, str):
        raise RegistryError(f"the kind `{kind.name}` must name its lint as MODULE:FUNCTION")
    found: Callable[[Subject], None] = load(kind.lint)
    return found


def _with_arms(bundle: ChallengeBundle, arms: Mapping[str, Submitted]) -> ChallengeBundle:
    """The challenge with the arms of findings among its baselines, which have to keep away from hidden rows as well."""
    listed = {baseline.ref.file for baseline in bundle.baselines}
    # An arm's file may lie in a folder that a baseline's may not.
    more = [Baseline(BaselineRef.model_construct(file=f), payload) for f, payload in arms.items() if f not in listed]
    return replace(bundle, baselines=(*bundle.baselines, *more))
