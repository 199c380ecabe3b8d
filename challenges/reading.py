"""Reads the folder of a course, a lesson or a challenge.

`read_course`, `read_lesson` and `read_challenge` return a bundle, or report all of its problems at once. The functions
that gather read what is readable, and leave the rest as problems with the source, for lint.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from challenges.bundle import Baseline, ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.files.rows import read_attacks, read_benign, read_gold, read_samples, read_train
from challenges.files.source import RowReader, Source
from challenges.files.yaml_lines import Located
from challenges.findings.spec import Finding, Findings, Records, arm_files
from challenges.kinds import registry as kinds
from challenges.lesson.spec import Course, Demo, Lesson
from challenges.lesson.svg_rules import BYTES_MAX
from challenges.lesson.text import images
from challenges.payloads import Submitted, adapter
from challenges.problems import Problem, said_once
from challenges.spec import Challenge, kinds_named_in

T = TypeVar("T")
ADAPTER_MAX = 64 * 1024 * 1024
CHALLENGE: TypeAdapter[Challenge] = TypeAdapter(Challenge)
LESSON: TypeAdapter[Lesson] = TypeAdapter(Lesson)
COURSE: TypeAdapter[Course] = TypeAdapter(Course)
FINDINGS: TypeAdapter[Findings] = TypeAdapter(Findings)
RECORDS: TypeAdapter[Records] = TypeAdapter(Records)
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class BundleErrors(Exception):
    """Raised once for a whole folder; `problems` holds everything that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = said_once(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_challenge(path: Path | str) -> ChallengeBundle:
    """Reads the folder of a challenge. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_challenge(source, "")
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle


def read_lesson(path: Path | str) -> LessonBundle:
    """Reads the folder of a lesson with its challenges. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_lesson(source, "").bundle()
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle


def read_course(path: Path | str) -> CourseBundle:
    """Reads the folder of a course with all lessons and challenges. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_course(source).bundle()
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle


@dataclass
class GatheredLesson:
    """What could be read of a lesson. `challenges` pairs each listed id with its bundle, or None."""

    rel: str
    id: str
    lesson: Lesson | None
    located: Located | None
    text: str | None
    challenges: list[tuple[str, ChallengeBundle | None]] = field(default_factory=list)
    measured: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    findings_located: Located | None = None
    records_located: Located | None = None
    records: Records = field(default_factory=Records)
    arms: dict[tuple[str, str], Submitted] = field(default_factory=dict)

    def bundle(self) -> LessonBundle | None:
        """The lesson's bundle, if nothing is missing."""
        whole = tuple(bundle for _, bundle in self.challenges if bundle is not None)
        if self.lesson is None or self.text is None or len(whole) < len(self.challenges):
            return None
        parts = (self.measured, self.files, self.findings, self.records, self.arms)
        return LessonBundle(self.id, self.lesson, self.text, whole, *parts)


@dataclass
class GatheredCourse:
    course: Course | None
    located: Located | None
    lessons: list[GatheredLesson]

    def bundle(self) -> CourseBundle | None:
        """The course's bundle, if nothing is missing."""
        whole = tuple(bundle for bundle in (lesson.bundle() for lesson in self.lessons) if bundle is not None)
        if self.course is None or len(whole) < len(self.lessons):
            return None
        return CourseBundle(self.course, whole)


def gather_course(source: Source, gather: Callable[[Source, str], GatheredLesson] | None = None) -> GatheredCourse:
    """Reads `course.yaml` and each lesson that it lists, with `gather` or else with `gather_lesson`."""
    located = source.yaml("course.yaml")
    course = source.model("course.yaml", COURSE, located)
    lessons = []
    for index, name in enumerate(course.lessons if course else ()):
        if source.has(f"{name}/lesson.yaml"):
            lessons.append((gather or gather_lesson)(source, name))
        elif located:
            line = located.line("lessons", index)
            source.add("course.yaml", line, f"there is no `{name}/lesson.yaml`", "add the folder or remove the lesson")
    return GatheredCourse(course, located, lessons)


def gather_lesson(source: Source, rel: str) -> GatheredLesson:
    """Reads a lesson's own files and each challenge that it lists."""
    file = posixpath.join(rel, "lesson.yaml")
    located = source.yaml(file)
    lesson = source.model(file, LESSON, located)
    text = source.text(posixpath.join(rel, "lesson.md"))
    name = rel or source.root.resolve().name
    gathered = GatheredLesson(rel, name, lesson, located, text, measured=_measured(source, rel))
    if lesson and located:
        gathered.challenges = [_listed(source, rel, located, i, name) for i, name in enumerate(lesson.challenges)]
        gathered.files = _demo_files(source, rel, lesson.demo)
    gathered.files |= _asset_files(source, rel, text or "")
    _gather_findings(source, gathered)
    return gathered


def _gather_findings(source: Source, gathered: GatheredLesson) -> None:
    """`findings.yaml` and its record, both of which a lesson may lack."""
    file, record = (posixpath.join(gathered.rel, name) for name in ("findings.yaml", "findings.json"))
    if source.has(file):
        gathered.findings_located = source.yaml(file)
        declared = source.model(file, FINDINGS, gathered.findings_located)
        gathered.findings = declared.findings if declared else ()
    if source.has(record):
        gathered.records_located = source.yaml(record)
        gathered.records = source.model(record, RECORDS, gathered.records_located) or Records()
    listed = {name for name, bundle in gathered.challenges if bundle}
    for challenge, path in arm_files(gathered.findings):
        payload = read_payload(source, posixpath.join(gathered.rel, challenge), path) if challenge in listed else None
        if payload is not None:
            gathered.arms[challenge, path] = payload


def _listed(source: Source, rel: str, located: Located, index: int, name: str) -> tuple[str, ChallengeBundle | None]:
    folder, line = posixpath.join(rel, name), located.line("challenges", index)
    file = posixpath.join(rel, "lesson.yaml")
    if not source.has(posixpath.join(folder, "challenge.yaml")):
        source.add(file, line, f"there is no `{name}/challenge.yaml`", "add the folder or correct the id")
        return name, None
    bundle = gather_challenge(source, folder)
    if bundle:
        refuse_other_name(source, folder, bundle.challenge.id)
    return name, bundle


def refuse_other_name(source: Source, rel: str, challenge: str) -> None:
    """Adds a problem where the folder of a challenge, by which a lesson finds it, is not named like its id."""
    name = (source.root / rel).resolve().name
    if challenge != name:
        file = posixpath.join(rel, "challenge.yaml")
        located = source.yaml(file)
        line = located.line("id") if located else None
        source.add(file, line, f"the id is `{challenge}`, and the folder is named `{name}`", "name both alike")


def _measured(source: Source, rel: str) -> dict[str, Any]:
    file = posixpath.join(rel, "measured.json")
    text = source.text(file, needed=False)
    if text is None:
        return {}
    line = 1
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        value, line = None, getattr(error, "lineno", 1)
    if not isinstance(value, dict):
        source.add(file, line, "is not a JSON object", "remove it, and let `gradus challenge test` write it anew")
        return {}
    source.refuse_broken(file, value)
    return value


def _demo_files(source: Source, rel: str, demo: Demo | None) -> dict[str, bytes]:
    """The demo's files that are there; `lint` says which are not."""
    files = {}
    for name in demo_names(demo) if demo else ():
        data = source.data(posixpath.join(rel, name), ADAPTER_MAX, needed=False)
        if data is not None:
            files[posixpath.normpath(name)] = data
    return files


def _asset_files(source: Source, rel: str, text: str) -> dict[str, bytes]:
    """The illustrations that the text shows and that are there; `lint` says which are not."""
    files = {}
    for name in {image.source for image in images(text) if image.is_illustration}:
        data = source.data(posixpath.join(rel, name), BYTES_MAX, needed=False)
        if data is not None:
            files[name] = data
    return files


def demo_names(demo: Demo) -> tuple[str, ...]:
    """The files that a demo needs, relative to its lesson's folder."""
    return (demo.zero_shot, demo.few_shot, *(posixpath.join(demo.adapter, name) for name in ADAPTER_FILES))


def gather_challenge(source: Source, rel: str) -> ChallengeBundle | None:
    """What is readable of a challenge's folder, None only if `challenge.yaml` is broken.

    The bundle is whole if and only if the source has no problem.
    """
    file = posixpath.join(rel, "challenge.yaml")
    located = source.yaml(file)
    challenge = source.model(file, CHALLENGE, located, _with_files(source, rel, located))
    needed = kinds.find(challenge.kind).needed_files if challenge else frozenset()

    def at(name: str) -> str:
        return posixpath.join(rel, name)

    def rows(name: str, reader: RowReader[T]) -> tuple[T, ...]:
        return source.rows(at(name), reader, needed=name in needed)

    statement, solution = source.text(at("statement.md")), source.text(at("solution.md"))
    public, hidden = rows("public.jsonl", read_samples), rows("hidden.jsonl", read_samples)
    train, gold = rows("train.jsonl", read_train), rows("gold.jsonl", read_gold)
    attacks, benign = rows("attacks.jsonl", read_attacks), rows("benign.jsonl", read_benign)
    baselines = tuple(_baselines(source, rel, challenge)) if challenge else ()
    if challenge is None:
        return None
    texts = (statement or "", solution or "")
    return ChallengeBundle(challenge, *texts, public, hidden, train, gold, attacks, benign, baselines)


def _with_files(source: Source, rel: str, located: Located | None) -> dict[Any, Any] | None:
    """The content of `challenge.yaml`, with what its kinds keep in files of their own."""
    if located is None:
        return None
    data = dict(located.data)
    for name in kinds_named_in(data):
        data |= kinds.find(name).read_files(source, rel, located)
    return data


def _baselines(source: Source, rel: str, challenge: Challenge) -> list[Baseline]:
    baselines = []
    for ref in challenge.baselines:
        payload = read_payload(source, rel, ref.file)
        if payload is not None:
            baselines.append(Baseline(ref, payload))
    return baselines


def read_payload(source: Source, rel: str, name: str) -> Submitted | None:
    """A baseline's or an arm's payload; `rows_file` is relative to it, and must lie inside the challenge's folder."""
    file = posixpath.join(rel, name)
    located = source.yaml(file)
    if located is None:
        return None
    data = dict(located.data)
    if "rows_file" in data and not _fill_rows(source, rel, file, located, data):
        return None
    return source.model(file, adapter(), located, data)


def _fill_rows(source: Source, rel: str, file: str, located: Located, data: dict[Any, Any]) -> bool:
    name, line = data.pop("rows_file"), located.line("rows_file")
    if "rows" in data or not isinstance(name, str) or not name:
        source.add(file, line, "`rows_file` is no file's name, or stands beside `rows`", "give one of the two")
        return False
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
    inside = posixpath.normpath(posixpath.join(rel, "."))
    if posixpath.isabs(name) or path.startswith("..") or (inside != "." and not path.startswith(inside + "/")):
        source.add(file, line, "`rows_file` leaves the challenge's folder", "name a file inside it")
        return False
    if not source.has(path):
        fix = source.instead(path) or "add the file, or correct the path (relative to this file)"
        source.add(file, line, f"there is no `{name}`", fix)
        return False
    before = len(source.problems)
    data["rows"] = source.rows(path, read_train, needed=True)
    return len(source.problems) == before
