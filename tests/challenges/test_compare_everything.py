"""A comparison of two versions covers all that a version holds: the list is taken from the models of the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic import BaseModel

from challenges.bundle import Baseline, ChallengeBundle
from challenges.compare import DOCUMENTS, compare
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.documents import Document
from challenges.reading import read_challenge, read_course
from challenges.rows import Attack, Benign, GoldAnswer, PreferenceRow, Sample, TrainRow
from challenges.spec import dump
from gradus.courses.differences import difference
from tests.challenges import factory
from tests.challenges.kinds.rag_bundle import write_rag_challenge

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

WRITERS: dict[str, Callable[[Path], Path]] = {
    "prompt": factory.write_prompt_challenge,
    "tune": factory.write_lora_challenge,
    "preferences": factory.write_preference_challenge,
    "free_text": factory.write_free_text_challenge,
    "rag": write_rag_challenge,
}
ROWS = ("public", "hidden", "train", "gold", "attacks", "benign")
# What is told apart from the rest of a comparison: the number has a line of its own, and the digest follows from all.
APART = {"version", "digest"}


@cache
def bundle_of(name: str) -> ChallengeBundle:
    with TemporaryDirectory() as folder:
        bundle = read_challenge(WRITERS[name](Path(folder) / "sea-or-sky"))
    if name != "free_text":
        return bundle
    return replace(bundle, benign=(Benign(answer="Honest.", marks={"cause": "met"}, category="tone"),), digest="")


def another(value: Any) -> Any:
    """A value that a key does not have yet. No validator is asked: what counts is that the dump differs."""
    if isinstance(value, BaseModel):
        return {**value.model_dump(mode="json"), "added": "x"}
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, dict):
        return {**value, "added": "x"}
    return (*value, "added") if isinstance(value, tuple) else f"{value}x"


def changed_rows(bundle: ChallengeBundle) -> Iterator[tuple[str, ChallengeBundle]]:
    """The content with one row of one file changed in one key, one by one."""
    for file in ROWS:
        rows = getattr(bundle, file)
        for key in type(rows[0]).model_fields if rows else ():
            row = rows[0].model_copy(update={key: another(getattr(rows[0], key))})
            yield f"{type(row).__name__}.{key}", replace(bundle, digest="", **{file: (row, *rows[1:])})


def changed_lists(bundle: ChallengeBundle) -> Iterator[tuple[str, ChallengeBundle]]:
    """The content with a row gone, with a row twice, and with its rows in another order."""
    for file in ROWS:
        rows = getattr(bundle, file)
        if len(rows) > 1:
            yield f"{file} without a row", replace(bundle, digest="", **{file: rows[1:]})
            yield f"{file} in another order", replace(bundle, digest="", **{file: (*rows[1:], rows[0])})
            if file not in ("public", "hidden"):
                yield f"{file} with a row twice", replace(bundle, digest="", **{file: (*rows, rows[0])})


def changed_keys(bundle: ChallengeBundle) -> Iterator[tuple[str, ChallengeBundle]]:
    """The content with one key of challenge.yaml changed, those that the kinds bring as well."""
    spec = bundle.challenge
    for key in type(spec).model_fields.keys() - APART:
        changed = spec.model_copy(update={key: another(getattr(spec, key))})
        yield f"Challenge.{key}", replace(bundle, challenge=changed, digest="")
    for kind in spec.tracks:
        keys = spec.keys_of(kind)
        for key in type(keys).model_fields.keys() - set(DOCUMENTS) if keys else ():
            assert keys is not None
            other = keys.model_copy(update={key: another(getattr(keys, key))})
            if dump(other) != dump(keys):
                yield f"{kind}.{key}", replace(bundle, challenge=spec.with_keys(kind, other), digest="")


def changed_documents(bundle: ChallengeBundle) -> Iterator[tuple[str, ChallengeBundle]]:
    """The content with a document changed in one key, and with its documents in another order."""
    keys = bundle.challenge.keys_of("rag")
    for name in DOCUMENTS if keys else ():
        documents = getattr(keys, name)
        for key in Document.model_fields:
            document = documents[0].model_copy(update={key: another(getattr(documents[0], key))})
            yield f"{name}: Document.{key}", _with_documents(bundle, name, (document, *documents[1:]))
        yield f"{name} without one", _with_documents(bundle, name, documents[1:])
        if len(documents) > 1:
            yield f"{name} in another order", _with_documents(bundle, name, (*documents[1:], documents[0]))


def _with_documents(bundle: ChallengeBundle, name: str, documents: tuple[Document, ...]) -> ChallengeBundle:
    keys = bundle.challenge.keys_of("rag")
    assert keys is not None
    challenge = bundle.challenge.with_keys("rag", keys.model_copy(update={name: documents}))
    return replace(bundle, challenge=challenge, digest="")


def changed_baselines(bundle: ChallengeBundle) -> Iterator[tuple[str, ChallengeBundle]]:
    """The content with one key of a baseline's payload changed."""
    first, *others = bundle.baselines
    for key in type(first.payload).model_fields:
        payload = first.payload.model_copy(update={key: another(getattr(first.payload, key))})
        if payload.model_dump(mode="json") != first.payload.model_dump(mode="json"):
            yield f"baseline.{key}", replace(bundle, baselines=(Baseline(first.ref, payload), *others), digest="")


CHANGES = (changed_rows, changed_lists, changed_keys, changed_documents, changed_baselines)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("changes", CHANGES)
def test_whatever_changes_the_digest_is_told(name: str, changes: Any) -> None:
    """The digest covers what decides a grade, so a comparison that is silent would let scores move without a word."""
    bundle = bundle_of(name)
    for what, changed in changes(bundle):
        assert changed.digest != bundle.digest, what
        difference = compare(bundle, changed)
        assert difference.is_graded and difference.lines(), what


def test_every_model_of_a_row_is_asked() -> None:
    asked = {what.partition(".")[0] for name in WRITERS for what, _ in changed_rows(bundle_of(name))}
    models = (Sample, TrainRow, PreferenceRow, GoldAnswer, Attack, Benign)
    assert asked == {model.__name__ for model in models}


def test_every_part_of_a_content_is_asked() -> None:
    texts = {"statement", "solution"}
    assert {field.name for field in fields(ChallengeBundle)} - APART == {*ROWS, *texts, "challenge", "baselines"}
    bundle = bundle_of("prompt")
    for name in texts:
        assert compare(bundle, replace(bundle, **{name: "Other."})).texts == (f"{name}.md",)


def test_another_expected_document_of_a_hidden_row_is_told_by_the_row_s_id() -> None:
    bundle = bundle_of("rag")
    row = next(row for row in bundle.hidden if row.documents)
    changed = row.model_copy(update={"documents": (*row.documents, "rooms")})
    hidden = tuple(changed if one is row else one for one in bundle.hidden)
    (line,) = compare(bundle, replace(bundle, hidden=hidden, digest="")).lines()
    assert line == f"hidden.jsonl: 1 list of expected documents changed ({row.id})"


@pytest.fixture
def course(tmp_path: Path) -> CourseBundle:
    root = factory.write_course(tmp_path)
    bundle = read_course(root)
    (lesson,) = bundle.lessons
    return replace(bundle, lessons=(replace(lesson, measured={"a": 1}, files={"a.svg": b"a"}),), digest="")


def changed_lessons(lesson: LessonBundle) -> Iterator[tuple[str, LessonBundle]]:
    """The lesson with one of its parts changed, one by one."""
    (challenge, *_) = lesson.challenges
    other_spec = lesson.lesson.model_copy(update={"title": "Another title"})
    others: dict[str, Any] = {
        "lesson": other_spec,
        "text": "Another text.",
        "challenges": (replace(challenge, statement="Another statement."), *lesson.challenges[1:]),
        "measured": {"a": 2},
        "files": {"a.svg": b"b"},
        "findings": (other_spec,),
        "records": lesson.records.model_copy(update={"findings": {"a": other_spec}}),
        "arms": {(challenge.challenge.id, "arms/a.yaml"): challenge.baselines[0].payload},
    }
    assert others.keys() == {field.name for field in fields(LessonBundle)} - {"id"}
    return ((name, replace(lesson, **{name: value})) for name, value in others.items())


def test_whatever_changes_a_lesson_is_told(course: CourseBundle) -> None:
    (lesson,) = course.lessons
    for what, changed in changed_lessons(lesson):
        new = replace(course, lessons=(changed,), digest="")
        assert new.digest != course.digest, what
        assert difference(course, new)["lines"], what


def test_whatever_changes_course_yaml_is_told(course: CourseBundle) -> None:
    spec = course.course
    for key in type(spec).model_fields.keys() - {"lessons"}:
        changed = replace(course, course=spec.model_copy(update={key: another(getattr(spec, key))}), digest="")
        assert changed.digest != course.digest, key
        assert difference(course, changed)["lines"], key
