"""Any file in an author's folder: a valid object, or the reader's problems with file and place; never another error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.files.yaml_lines import YamlErrors, read
from challenges.reading import BundleErrors, read_course
from tests.challenges.factory import write_course
from tests.pace import within

FILES = (
    "course.yaml",
    "first/lesson.yaml",
    "first/lesson.md",
    "first/sea-or-sky/challenge.yaml",
    "first/sea-or-sky/public.jsonl",
    "first/sea-or-sky/hidden.jsonl",
    "first/sea-or-sky/baselines/good.yaml",
    "first/sea-or-sky/statement.md",
    "first/explain/challenge.yaml",
    "first/explain/gold.jsonl",
)
KEYS = ("schema", "id", "kind", "lessons", "answer", "labels", "limits", "rubric", "rows_file", "file", "demo", "tune")
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=8)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LAUGHS = "a: &a [x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}]\n" for n in range(9))
BOMBS = [
    LAUGHS,
    "a: &a\n  b: *a\n",
    "<<: [*x]\n",
    "a: " + "[" * 50_000,
    "a: " + "{x: " * 50_000,
    "- " * 20_000,
    "? " * 5_000,
    "a: !!python/object/apply:os.system ['true']",
    "a: !!python/name:os.system",
    "a: !!binary '////" + "A" * 9 + "'",
    "a: 9" + "9" * 5000,
    "a: 2026-99-99",
    "a: 1:99:99:99:99",
    "a: \x00",
    "a: 'x\n---\nb: 1",
    "%YAML 9.9\n---\na: 1",
    "&a a: *a",
    "a: |\n" + " x\n" * 1000 + "\tb",
    "{a: 1, a: 2}",
    "? [a, b]\n: c",
    "? {a: b}\n: c",
    "!!set {a, b}",
    "a: !!bool x",
    "a: !!timestamp 'no'",
    "a: .inf\nb: .nan",
    "- a list",
    "",
    "a: \x07",
    '"\\ud800": 1',
    "1: 2",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "tiny")


def outcome(folder: Path) -> Any:
    """The course, or its problems, each with a file below the folder."""
    try:
        return read_course(folder)
    except BundleErrors as errors:
        assert errors.problems
        for problem in errors.problems:
            assert problem.what and problem.fix and problem.file
            assert not Path(problem.file).is_absolute()
            assert problem.line is None or problem.line >= 1
        return errors.problems


def with_file(folder: Path, name: str, data: bytes) -> Any:
    place = folder / name
    before = place.read_bytes()
    place.write_bytes(data)
    try:
        return outcome(folder)
    finally:
        place.write_bytes(before)


@FUZZ
@given(name=st.sampled_from(FILES), data=st.binary(max_size=200))
def test_any_bytes(folder: Path, name: str, data: bytes) -> None:
    with_file(folder, name, data)


@FUZZ
@given(name=st.sampled_from([name for name in FILES if name.endswith(".yaml")]), tree=TREES, key=st.sampled_from(KEYS))
def test_any_tree_in_the_place_of_one_value(folder: Path, name: str, tree: Any, key: str) -> None:
    """The rest of the file stays valid, so that the models read what is odd."""
    data = yaml.safe_load((folder / name).read_text())
    data[key] = tree
    with_file(folder, name, yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "replace"))


@FUZZ
@given(text=st.text(alphabet="abc:-[]{}&*!|>'\"?,#% \n\t\\<=~@`0.", max_size=120))
def test_any_yaml(text: str) -> None:
    try:
        assert isinstance(read(text).data, dict)
    except YamlErrors as errors:
        assert all(problem.what and problem.fix for problem in errors.problems)


@pytest.mark.parametrize("number", range(len(BOMBS)))
def test_a_bomb_is_a_problem_and_quick(folder: Path, number: int) -> None:
    with within(15):
        found = with_file(folder, "course.yaml", BOMBS[number].encode())
    assert isinstance(found, list) and found[0].file == "course.yaml"


@pytest.mark.parametrize("name", FILES)
def test_a_link_leads_nowhere(folder: Path, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary: 1\n")
    for target in (secret, folder / name):
        place = folder / name
        kept = place.read_bytes()
        place.unlink()
        place.symlink_to(target)
        found = outcome(folder)
        assert isinstance(found, list)
        # A link to itself cannot be read at all.
        assert name in {problem.file for problem in found if target != secret or "symbolic link" in problem.what}
        assert "canary" not in str(found)
        place.unlink()
        place.write_bytes(kept)


PATHS = ("../secret", "../../../etc/passwd", "/etc/passwd", "..", ".", "\x00", "a\0b", "a/../../../x", "", 3)


@pytest.mark.parametrize("path", (*PATHS, "../../ticket/train.jsonl"))
def test_a_path_stays_inside(folder: Path, path: str | int) -> None:
    for name, data in (
        ("course.yaml", {"lessons": [path]}),
        ("first/lesson.yaml", {"challenges": [path, "ticket", "explain"]}),
        ("first/sea-or-sky/challenge.yaml", {"baselines": [{"file": path, "min": 0.1}, {"file": path, "max": 0.1}]}),
        ("first/sea-or-sky/baselines/lora.yaml", {"rows_file": path}),
    ):
        whole = {**yaml.safe_load((folder / name).read_text()), **data}
        found = with_file(folder, name, yaml.safe_dump(whole).encode())
        assert isinstance(found, list), (name, path)
