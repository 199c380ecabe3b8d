"""Says what an author changed in a course. No line quotes a row: hidden rows are named by their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.compare import HIDDEN, compare
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.findings.spec import dump_records
from challenges.lesson import spec as lesson_specs
from challenges.spec import dump
from challenges.texts import several
from gradus.courses import archives, bundles
from gradus.courses.models import ChallengeVersion, Course, Lesson

Owned = dict[str, tuple[str, ChallengeBundle]]


def to_live(course: Course | None, new: CourseBundle) -> dict[str, Any]:
    """Returns the difference of a bundle to what is live of its course. `course` may be a course without content."""
    if course is None or not course.digest:
        return difference(None, new)
    live = course.versions.published().first()
    try:
        if live is not None and live.digest == course.digest:
            return difference(archives.bundle_of(live), new)
    except bundles.BundleMissing:
        pass
    return difference(_from_rows(course, new), new)


def _from_rows(course: Course, new: CourseBundle) -> CourseBundle:
    """Returns what is live of a course without an archive. What no row holds is taken from `new`, so it never differs.

    Raises:
        BundleMissing: private storage has lost the content of a challenge.
    """
    known = {lesson.id: lesson for lesson in new.lessons}
    rows = course.lessons.filter(is_current=True).order_by("position")
    lessons = tuple(_lesson_from_row(row, known.get(row.name)) for row in rows)
    spec = lesson_specs.Course(
        schema_=1,
        id=course.slug,
        version=course.version,
        title=course.title,
        summary=course.summary,
        timezone=course.timezone,
        all_attempts_wait=course.all_attempts_wait,
        lessons=tuple(lesson.id for lesson in lessons),
    )
    return CourseBundle(spec, lessons, course.digest)


def _lesson_from_row(row: Lesson, new: LessonBundle | None) -> LessonBundle:
    versions = ChallengeVersion.objects.filter(challenge__course=row.course_id, digest__in=row.contents.values())
    ordered = [row.contents.get(name) for name in row.parsed.challenges]
    by_digest = {version.digest: version for version in versions.defer(*ChallengeVersion.CONTENT)}
    stored = LessonBundle(
        id=row.name,
        lesson=row.parsed,
        text=row.text,
        challenges=tuple(bundles.load(by_digest[one]) for one in ordered if one in by_digest),
        measured=row.measured,
    )
    if not new:
        return stored
    return replace(stored, files=new.files, findings=new.findings, records=new.records, arms=new.arms)


def difference(old: CourseBundle | None, new: CourseBundle) -> dict[str, Any]:
    """Returns the differences as a JSON object, whose `lines` are for people. `old` is None for a new course.

    `lessons` and `challenges` have the ids that were `added`, `removed` and `moved`, and the `changed` ones with what
    changed. `is_graded` says whether a change can change a grade.
    """
    course = [key for key in _keys(dump(old.course), dump(new.course)) if key != "lessons"] if old else []
    lessons = _lessons(old.lessons if old else (), new.lessons)
    challenges = _challenges(_owned(old) if old else {}, _owned(new))
    return {
        "course": course,
        "lessons": lessons,
        "challenges": challenges,
        "is_graded": bool(
            challenges["added"] or challenges["removed"] or any(one["is_graded"] for one in challenges["changed"])
        ),
        "lines": [*_lines(course, lessons, challenges)],
    }


def for_viewers(found: dict[str, Any]) -> dict[str, Any]:
    """Returns a difference as people see it who are ranked on the boards: of hidden rows only that they changed."""
    if "challenges" not in found:
        return found
    changed = [{**one, "lines": [*map(_without_rows, one["lines"])]} for one in found["challenges"]["changed"]]
    return {
        **found,
        "challenges": {**found["challenges"], "changed": changed},
        "lines": [*map(_without_rows, found["lines"])],
    }


def _without_rows(line: str) -> str:
    file = line.strip().partition(":")[0]
    return f"{line[: line.index(file)]}{file}: rows changed" if file in HIDDEN else line


def _keys(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> list[Any]:
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _lessons(old: Sequence[LessonBundle], new: Sequence[LessonBundle]) -> dict[str, Any]:
    before, after = {one.id: one for one in old}, {one.id: one for one in new}
    changed = [
        {"id": name, "what": what} for name in after if name in before and (what := _lesson(before[name], after[name]))
    ]
    return {**_places(list(before), list(after)), "changed": changed}


def _places(old: list[str], new: list[str]) -> dict[str, list[str]]:
    """Returns which ids are new, gone, or stand at another place among those that both have."""
    order = {name: place for place, name in enumerate(name for name in old if name in new)}
    kept = [name for name in new if name in order]
    stay = _longest_run([order[name] for name in kept])
    return {
        "added": [name for name in new if name not in order],
        "removed": [name for name in old if name not in order],
        "moved": [name for name in kept if order[name] not in stay],
    }


def _longest_run(places: list[int]) -> set[int]:
    """Returns the most places that are in order already, so that one lesson that moves is told as one."""
    best: list[list[int]] = []
    for at, place in enumerate(places):
        before = [best[i] for i in range(at) if places[i] < place]
        best.append([*_longest(before), place])
    return set(_longest(best))


def _longest(runs: list[list[int]]) -> list[int]:
    return max(runs, key=lambda run: len(run), default=[])


def _lesson(old: LessonBundle, new: LessonBundle) -> list[str]:
    """Returns the names of the files of a lesson that differ, for `lesson.yaml` with its keys."""
    keys = [key for key in _keys(dump(old.lesson), dump(new.lesson)) if key != "challenges"]
    what = [f"lesson.yaml ({', '.join(keys)})"] if keys else []
    what += ["lesson.md"] if old.text != new.text else []
    what += ["measured.json"] if old.measured != new.measured else []
    what += ["findings.yaml"] if [dump(one) for one in old.findings] != [dump(one) for one in new.findings] else []
    what += ["findings.json"] if dump_records(old.records) != dump_records(new.records) else []
    what += [f"{challenge}/{file}" for challenge, file in _keys(old.arms, new.arms)]
    return what + _keys(old.files, new.files)


def _owned(bundle: CourseBundle) -> Owned:
    """Returns the challenges by id, in the order of the path, each with the id of its lesson."""
    return {one.challenge.id: (lesson.id, one) for lesson in bundle.lessons for one in lesson.challenges}


def _challenges(old: Owned, new: Owned) -> dict[str, Any]:
    places = _places(list(old), list(new))
    elsewhere = [name for name in new if name in old and old[name][0] != new[name][0]]
    changed = []
    for name, (_lesson_id, bundle) in new.items():
        found = compare(old[name][1], bundle) if name in old else None
        if found is not None and (not found.is_empty or found.old != found.new):
            changed.append(
                {"id": name, "old": found.old, "new": found.new, "is_graded": found.is_graded, "lines": found.lines()}
            )
    moved = [name for name in new if name in places["moved"] or name in elsewhere]
    return {**places, "moved": moved, "changed": changed}


def _lines(course: list[str], lessons: dict[str, Any], challenges: dict[str, Any]) -> Iterator[str]:
    if course:
        yield f"course.yaml: {', '.join(course)} changed"
    for noun, found in (("lesson", lessons), ("challenge", challenges)):
        for what in ("added", "removed", "moved"):
            if found[what]:
                yield f"{several(len(found[what]), noun)} {what}: {', '.join(found[what])}"
    for one in lessons["changed"]:
        yield f"lesson {one['id']}: {', '.join(one['what'])} changed"
    for one in challenges["changed"]:
        number = f"{one['old']} -> {one['new']}" if one["old"] != one["new"] else one["new"]
        yield f"challenge {one['id']} {number}{'' if one['lines'] else ': only the number changed'}"
        yield from (f"  {line}" for line in one["lines"])
