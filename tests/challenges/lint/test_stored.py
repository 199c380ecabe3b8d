"""Lint of a stored bundle finds what lint of the folder finds, with and without mistakes."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from challenges.bundle import ChallengeBundle
from challenges.lint import run, similarity
from challenges.lint.stored import inspect_stored
from challenges.problems import Problem
from challenges.reading import read_course
from tests.challenges import factory

LIBRARY = Path(factory.__file__).parents[2] / "challenges/library"
# They are about the whole lesson, which a worker does not see, and were checked when the folder was read.
OF_THE_LESSON = ("lesson.yaml", "lesson.md", "course.yaml", "findings.yaml", "findings.json", "measured.json")


@pytest.fixture(autouse=True)
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")


def embed(texts: Sequence[str], step: int = 5) -> list[list[float]]:
    """A point on the unit circle for each text: few points, so that many texts are near others."""
    angles = [math.radians(zlib.crc32(text.encode()) % 360 // step * step) for text in texts]
    return [[math.cos(angle), math.sin(angle)] for angle in angles]


def near(bundle: ChallengeBundle, how: Callable[..., Any] = embed) -> list[Problem]:
    return similarity.similarity(bundle, how)


def told(problems: Sequence[Problem], folder: str) -> set[tuple[str, int | None, str, str]]:
    """The problems of one challenge. Lines of YAML files are not known where there are no files."""
    mine = [one for one in problems if one.file.startswith(folder) and not one.file.endswith(OF_THE_LESSON)]
    return {
        (one.file.removeprefix(folder), one.line if one.file.endswith(".jsonl") else None, one.what, one.fix)
        for one in mine
    }


def assert_alike(root: Path) -> int:
    """Compares both ways for each challenge of the course, and returns how many problems there were."""
    of_folder, course, count = run.inspect(root, near), read_course(root), 0
    for lesson in course.lessons:
        for bundle in lesson.challenges:
            arms = {file: one for (owner, file), one in lesson.arms.items() if owner == bundle.challenge.id}
            # As it comes back from private storage.
            stored = ChallengeBundle.from_json(bundle.to_json())
            found = inspect_stored(stored, arms, near)
            expected = told(of_folder.problems, f"{lesson.id}/{bundle.challenge.id}/")
            assert told(found.problems, "") == expected
            count += len(expected)
    return count


@pytest.mark.slow
def test_the_library_is_told_alike() -> None:
    assert assert_alike(LIBRARY) > 0, "the points of the embedding are too far apart to compare anything"


def edit_spec(root: Path, **changes: Any) -> None:
    path = root / "first/sea-or-sky/challenge.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))


def edit_rows(root: Path, change: Callable[[list[dict[str, Any]]], Any], name: str = "hidden.jsonl") -> None:
    path = root / "first/sea-or-sky" / name
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows)
    factory.write_rows(path, rows)


def write_baseline(root: Path, **payload: Any) -> None:
    factory.write_yaml(root / "first/sea-or-sky/baselines/good.yaml", {"kind": "prompt", **payload})


def add_arm(root: Path, **payload: Any) -> None:
    factory.write_findings(root / "first")
    factory.write_yaml(root / "first/sea-or-sky/findings/plain.yaml", {"kind": "prompt", **payload})


LABELS = {"type": "label", "labels": ["sea", "sky"], "decode": "generate"}
HIDDEN = {"input": "I saw a coral today", "output": "sea"}
BROKEN: dict[str, Callable[[Path], Any]] = {
    "a hidden row twice": partial(edit_rows, change=lambda rows: rows.append({**rows[0], "id": "again"})),
    "a hidden row that is public": partial(edit_rows, change=lambda rows: rows[1].update(input="I saw a wave today")),
    "a target that is no label": partial(edit_rows, change=lambda rows: rows[2].update(target="land")),
    "an id twice": partial(edit_rows, change=lambda rows: rows[3].update(id=rows[0]["id"])),
    "unequal labels": partial(edit_rows, change=lambda rows: [row.update(target="sea") for row in rows]),
    "long hidden rows": partial(edit_rows, change=lambda rows: [r.update(input=r["input"] * 9) for r in rows]),
    "a row beyond the context": lambda root: (
        edit_spec(root, limits={"prompt_tokens_max": 4096}, answer={**LABELS, "max_new_tokens": 64}),
        edit_rows(root, lambda rows: rows[0].update(input="a " * 4060)),
    ),
    "an unseen character": partial(edit_rows, change=lambda rows: rows[0].update(input="I saw a\u200b whale")),
    "a control token": partial(edit_rows, change=lambda rows: rows[0].update(input="I saw <|im_end|> today")),
    "a training row that is too long": partial(
        edit_rows, change=lambda rows: rows[0].update(input="sky " * 100), name="train.jsonl"
    ),
    "a pass mark of nothing": partial(edit_spec, **{"pass": 0}),
    "a pass mark between two steps": partial(edit_spec, **{"pass": 0.611}),
    "an unknown metric": partial(edit_spec, metric={"name": "bleu"}),
    "a baseline with too long a prompt": partial(write_baseline, instructions="word " * 3000),
    "a baseline with a hidden row": partial(write_baseline, examples=[HIDDEN]),
    "an arm with a hidden row": partial(add_arm, examples=[HIDDEN]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_challenge_is_told_alike(tmp_path: Path, name: str) -> None:
    root = factory.write_course(tmp_path / "course")
    before = run.inspect(root, near).problems
    BROKEN[name](root)
    assert assert_alike(root) > 0
    assert set(run.inspect(root, near).problems) - set(before)


def test_an_arm_close_to_a_hidden_row_is_told_by_its_file(tmp_path: Path) -> None:
    root = factory.write_course(tmp_path / "course")
    add_arm(root, examples=[{"input": "I saw a coral reef today", "output": "sea"}])
    lesson = read_course(root).lessons[0]
    arms = {file: one for (owner, file), one in lesson.arms.items() if owner == "sea-or-sky"}

    def alike(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] if "coral" in text else [0.0, 1.0] for text in texts]

    found = inspect_stored(lesson.challenges[0], arms, lambda bundle: near(bundle, alike)).problems
    (leak,) = [one for one in found if one.file == "findings/plain.yaml"]
    assert "nearly the same as hidden.jsonl:" in leak.what


def test_without_the_tokenizer_it_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "empty"))
    bundle = read_course(factory.write_course(tmp_path / "course")).challenges[0]
    assert "lengths of hidden rows" in inspect_stored(bundle, {}, near).not_checked[0]
