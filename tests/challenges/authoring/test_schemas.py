"""The JSON Schemas accept every file that the readers accept, and refuse what they refuse."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from challenges.authoring.schemas import DRAFT, NAMES, schema, schema_line, schema_of, stale_schemas, write_schemas
from challenges.files.yaml_lines import read
from challenges.metrics import metrics
from challenges.models.catalogue import MODELS
from challenges.reading import read_challenge
from challenges.registry import kind_names
from gradus.cli.main import app
from tests.challenges import factory
from tests.challenges.kinds.evaluate_bundle import SYSTEMS

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (ROOT / "challenges/library", ROOT / "docs/examples")


@cache
def validator(name: str) -> Draft7Validator:
    return Draft7Validator(schema(name))


def files() -> Iterator[tuple[Path, str]]:
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if (name := schema_of(path.relative_to(folder).as_posix())) is not None:
                yield path, name


def values(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    return [read(text).data] if path.suffix == ".yaml" else [json.loads(line) for line in text.splitlines() if line]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema_of_draft_7_with_words_of_draft_7_alone(name: str) -> None:
    made = schema(name)
    Draft7Validator.check_schema(made)
    assert made["$schema"] == DRAFT
    text = json.dumps(made)
    assert not any(f'"{word}"' in text for word in ("$defs", "prefixItems", "discriminator", "unevaluatedProperties"))
    assert text.count('"$ref"') == text.count('"$ref": "#/definitions/')


def test_nothing_stands_beside_a_reference_since_draft_7_would_ignore_it() -> None:
    def beside(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            if "$ref" in node and len(node) > 1:
                yield node
            node = list(node.values())
        for child in node if isinstance(node, list) else ():
            yield from beside(child)

    assert [list(beside(schema(name))) for name in NAMES] == [[]] * len(NAMES)


def test_every_file_of_the_library_and_of_the_examples_is_accepted() -> None:
    seen = set()
    for path, name in files():
        seen.add(name)
        for value in values(path):
            wrong = [f"{path}: {error.message}" for error in validator(name).iter_errors(value)]
            assert wrong == []
    assert seen == set(NAMES) - {"corpus.jsonl"}


def changed(**keys: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda spec: {**spec, **keys}


def without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda spec: {name: value for name, value in spec.items() if name != key}


WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "an unknown key": changed(titel="x"),
    "no title": without("title"),
    "an empty title": changed(title=""),
    "an id with a space": changed(id="sea or sky"),
    "a version of two numbers": changed(version="1.0"),
    "an unknown kind": changed(kind="promt"),
    "an unknown other track": changed(also=["tunes"]),
    "no model": without("model"),
    "an unknown model": changed(model="gpt-x"),
    "no answer": without("answer"),
    "an unknown answer type": changed(answer={"type": "word"}),
    "one label": changed(answer={"type": "label", "labels": ["sea"]}),
    "an unknown key of an answer": changed(answer={"type": "label", "labels": ["a", "b"], "lables": []}),
    "an unknown metric": changed(metric={"name": "f1"}),
    "an unknown public metric": changed(public_metrics=["f1"]),
    "a pass mark in per cent": changed(**{"pass": 60}),
    "two hints": changed(hints=["a", "b"]),
    "one baseline": changed(baselines=[{"file": "baselines/weak.yaml", "max": 0.5}]),
    "a baseline elsewhere": changed(baselines=[{"file": "weak.yaml"}, {"file": "baselines/good.yaml"}]),
    "tune without its section": without("tune"),
    "a section of a kind that it does not accept": without("also"),
    "the keys of another kind": changed(question="Why?"),
    "an unknown method": changed(tune={"methods": ["lara"]}),
    "a rank that is not offered": changed(tune={"knobs": {"r": [5]}}),
    "an interval of three numbers": changed(tune={"knobs": {"learning_rate": [0.1, 0.2, 0.3]}}),
    "too many attempts": changed(limits={"attempts_per_day": 1000}),
    "a track that is no kind": changed(track_gold={"tunes": 0.9}),
}


def test_the_challenge_from_which_wrong_ones_are_made_is_right() -> None:
    assert list(validator("challenge.yaml").iter_errors(factory.prompt_spec())) == []


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_challenge_is_refused_by_the_schema_and_by_the_reader(what: str, tmp_path: Path) -> None:
    wrong = WRONG[what](copy.deepcopy(factory.prompt_spec()))
    assert not validator("challenge.yaml").is_valid(wrong)
    factory.write_prompt_challenge(tmp_path)
    factory.write_yaml(tmp_path / "challenge.yaml", wrong)
    if what in ("an unknown model", "an unknown metric", "an unknown public metric"):
        return  # The reader leaves names of the catalogues to lint.
    with pytest.raises(Exception, match=r"challenge.yaml"):
        read_challenge(tmp_path)


ROWS = [
    ("public.jsonl", {"id": "a", "input": "b", "target": "c"}, {"id": "a", "input": "b"}),
    ("hidden.jsonl", {"id": "a", "input": "b", "target": {"c": "d"}}, {"id": "a", "input": "b", "target": 3}),
    ("hidden.jsonl", {"id": "a", "input": "b", "target": ["c"]}, {"id": "a", "input": "b", "target": []}),
    ("train.jsonl", {"input": "a", "output": {"b": "c"}}, {"input": "a", "output": 3}),
    ("train.jsonl", {"id": 1, "prompt": "a", "completion": "b"}, {"prompt": "a", "output": "b"}),
    ("train.jsonl", {"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "chosen": "b"}),
    (
        "train.jsonl",
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}]},
    ),
    ("gold.jsonl", {"answer": "a", "marks": {"b": "met"}, "role": "test"}, {"answer": "a", "marks": {"b": "yes"}}),
    ("attacks.jsonl", {"answer": "a", "category": "b"}, {"answer": "a", "category": "b", "max_score": 2}),
    ("benign.jsonl", {"answer": "a", "marks": {}, "category": "b"}, {"answer": "a", "category": "b"}),
    ("candidates.jsonl", {"id": "a", "prompt": "b", "answers": ["c", "d"]}, {"id": "a", "prompt": "b", "answers": []}),
    ("systems.yaml", SYSTEMS, {**SYSTEMS, "systems": [{"id": "one", "prompt": "short", "reads": 3}]}),
    ("corpus.jsonl", {"id": "a", "title": "A", "text": "Words."}, {"id": "a b", "title": "A", "text": "Words."}),
    ("baseline.yaml", {"kind": "prompt", "instructions": "a"}, {"kind": "prompt", "instruction": "a"}),
    ("baseline.yaml", {"kind": "tune", "rows_file": "../train.jsonl"}, {"kind": "tune"}),
    ("baseline.yaml", {"kind": "rag", "top_k": 2}, {"kind": "rag", "top_k": "many"}),
    ("baseline.yaml", {"kind": "free_text", "answer": "a"}, {"answer": "a"}),
    ("baseline.yaml", {"kind": "prompt"}, {"kind": "promt"}),
]


@pytest.mark.parametrize(("name", "right", "wrong"), ROWS)
def test_rows_and_baselines(name: str, right: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert list(validator(name).iter_errors(right)) == []
    assert not validator(name).is_valid(wrong)


def test_a_course_a_lesson_and_findings_are_checked() -> None:
    course = yaml.safe_load((ROOT / "challenges/library/course.yaml").read_text(encoding="utf-8"))
    assert not validator("course.yaml").is_valid({**course, "lessons": []})
    lesson = yaml.safe_load((ROOT / "challenges/library/retrieval/lesson.yaml").read_text(encoding="utf-8"))
    assert not validator("lesson.yaml").is_valid({**lesson, "minutes": 0})
    assert validator("findings.yaml").is_valid({"schema": 1, "findings": [factory.finding()]})
    assert not validator("findings.yaml").is_valid({"findings": [factory.finding(claims=[])]})


def test_names_of_kinds_models_and_metrics_are_offered() -> None:
    made = schema("challenge.yaml")
    assert made["properties"]["kind"]["enum"] == list(kind_names())
    assert made["properties"]["model"]["anyOf"][0]["enum"] == list(MODELS)
    assert made["definitions"]["Metric"]["properties"]["name"]["enum"] == list(metrics())


@pytest.mark.parametrize("name", ["course.yaml", "lesson.yaml", "challenge.yaml"])
def test_every_key_is_explained(name: str) -> None:
    keys = schema(name)["properties"]
    assert [key for key, value in keys.items() if not value.get("description")] == []


def test_every_yaml_file_of_the_library_names_its_schema() -> None:
    folder = ROOT / "challenges/library"
    assert stale_schemas(folder) == []
    named = [path for path in folder.rglob("*.yaml") if (name := schema_of(path.as_posix())) is not None
             and path.read_text(encoding="utf-8").startswith(f"{schema_line(path, folder, name)}\n")]  # fmt: skip
    assert len(named) == len([path for path in folder.rglob("*.yaml") if path.parent.name != "demo"]) > 100


def test_they_are_written_and_found_to_be_old(tmp_path: Path) -> None:
    assert set(stale_schemas(tmp_path)) == set(NAMES)
    assert set(write_schemas(tmp_path)) == set(NAMES) and stale_schemas(tmp_path) == []
    (tmp_path / ".schemas/course.json").write_text("{}")
    (tmp_path / ".schemas/gold.json").unlink()
    assert stale_schemas(tmp_path) == [name for name in NAMES if name in ("course.yaml", "gold.jsonl")]


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["schema", *map(str, arguments)])


def test_the_command_prints_names_and_schemas_and_writes_them(tmp_path: Path) -> None:
    assert run().output.split() == list(NAMES) == json.loads(run("--json").output)
    assert json.loads(run("first/sea-or-sky/baselines/weak.yaml").output) == schema("baseline.yaml")
    assert run("--write", tmp_path).output == f"{tmp_path / '.schemas'}: {len(NAMES)} schemas written, 0 up to date.\n"
    told = json.loads(run("--write", tmp_path, "--json").output)
    assert told == {"folder": str(tmp_path / ".schemas"), "written": []}


@pytest.mark.parametrize("arguments", [("chalenge.yaml",), ("--write", "nowhere"), ("course.yaml", "--write", ".")])
def test_what_it_does_not_know_ends_with_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    if arguments[0] == "chalenge.yaml":
        assert "Use one of course.yaml" in done.stderr and "Did you mean `challenge.yaml`?" in done.stderr
