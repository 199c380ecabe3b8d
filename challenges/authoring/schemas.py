"""JSON Schemas (draft 7) of the files of a bundle, for editors that check and complete what an author writes.

They are made from the models of the format. What no schema can say (that a target is one of the labels, that a file is
there) is left to lint.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from challenges.documents import Document
from challenges.findings.spec import Findings
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.kinds.evaluate_keys import Systems
from challenges.kinds.own_choices import Candidate
from challenges.lesson.spec import Course, Lesson
from challenges.metrics import metrics
from challenges.models.catalogue import MODELS
from challenges.registry import kind_names
from challenges.rows import Attack, Benign, GoldAnswer, Sample
from challenges.spec import Challenge

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
FOLDER = ".schemas"
REF = "#/definitions/{model}"
BASELINE = "baseline.yaml"
MODELS_OF_FILES: dict[str, type[BaseModel]] = {
    "course.yaml": Course,
    "lesson.yaml": Lesson,
    "findings.yaml": Findings,
    "public.jsonl": Sample,
    "hidden.jsonl": Sample,
    "gold.jsonl": GoldAnswer,
    "attacks.jsonl": Attack,
    "benign.jsonl": Benign,
    "systems.yaml": Systems,
    "candidates.jsonl": Candidate,
    "corpus.jsonl": Document,
}
NAMES = (*MODELS_OF_FILES, "challenge.yaml", BASELINE, "train.jsonl")
"""The files that have a schema. That of a file of rows is the schema of one line."""
TEXT: Schema = {"type": "string", "minLength": 1}


def schema_of(path: str) -> str | None:
    """The name in `NAMES` of the schema of a file in a bundle, or None where it has none."""
    file = PurePosixPath(path)
    if file.suffix == ".yaml" and file.parent.name in ("baselines", "findings"):
        return BASELINE
    return file.name if file.name in NAMES else None


def schema(name: str) -> Schema:
    """The schema of a file of `NAMES`. Raises KeyError for another name."""
    if name == "challenge.yaml":
        made = _challenge()
    elif name == BASELINE:
        made = _baseline()
    elif name == "train.jsonl":
        made = _training_row()
    else:
        made = TypeAdapter(MODELS_OF_FILES[name]).json_schema(ref_template=REF)
    return {"$schema": DRAFT, "title": name, **_draft_7(made)}


def write_schemas(root: Path) -> list[str]:
    """Writes all schemas below the folder of a course. Returns the names of the files that were not as they are now."""
    stale = stale_schemas(root)
    for name in stale:
        path = root / FOLDER / file_name(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_text(name), encoding="utf-8", newline="\n")
    return stale


def stale_schemas(root: Path) -> list[str]:
    """The names of the schemas that are missing below `root`, or not as this version of Gradus writes them."""
    return [name for name in NAMES if _read(root / FOLDER / file_name(name)) != _text(name).encode()]


def schema_line(file: Path, root: Path, name: str) -> str:
    """The first line of a YAML file, from which editors know its schema below `root`. It needs no network."""
    path = Path(os.path.relpath(root / FOLDER / file_name(name), file.parent)).as_posix()
    return f"# yaml-language-server: $schema={path}"


def file_name(name: str) -> str:
    return f"{PurePosixPath(name).stem}.json"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _text(name: str) -> str:
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _draft_7(node: Any) -> Any:
    """pydantic writes the dialect of 2020-12. Draft 7 has other words, and ignores what stands beside a `$ref`."""
    if isinstance(node, list):
        return [_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node
    made: Schema = {}
    for key, value in node.items():
        if key in ("properties", "definitions", "$defs"):
            made["properties" if key == "properties" else "definitions"] = {n: _draft_7(v) for n, v in value.items()}
        elif key == "prefixItems":
            made |= {"items": _draft_7(value), "additionalItems": False}
        elif key in ("default", "const", "enum"):
            made[key] = value
        elif key not in ("title", "discriminator"):
            made[key] = _draft_7(value)
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [*made.get("allOf", ()), {"$ref": made.pop("$ref")}]
    return made


def _definitions(models: Iterable[type[BaseModel]]) -> Schema:
    """The definitions of models and of all that they hold, by the names of the classes."""
    _, whole = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    found: Schema = whole["$defs"]
    return found


def _challenge() -> Schema:
    """The common keys with those of all kinds. A key of a kind is allowed, and perhaps needed, where its kind is."""
    every = kinds.every()
    found = _definitions([Challenge, *(kind.keys for kind in every if kind.keys)])
    made: Schema = found.pop("Challenge")
    properties: Schema = made["properties"]
    properties["kind"]["enum"] = list(kind_names())
    properties["also"]["items"]["enum"] = list(kind_names())
    properties["track_gold"]["propertyNames"] = {"enum": list(kind_names())}
    properties["model"]["anyOf"] = [{"enum": list(MODELS)}, {"type": "null"}]
    properties["public_metrics"]["items"]["enum"] = list(metrics())
    found["Metric"]["properties"]["name"]["enum"] = list(metrics())
    made["allOf"] = [rule for kind in every for rule in _rules(kind)]
    for kind in every:
        if kind.keys:
            own = found.pop(kind.keys.__name__)["properties"]
            properties |= {key: _or_file(value) if key in kind.file_keys else value for key, value in own.items()}
    return {**made, "definitions": found}


def _rules(kind: Kind) -> Iterable[Schema]:
    """Returns the JSON Schema rules of a kind: challenges that accept it need its keys, and no others may have them."""
    is_accepted = {
        "anyOf": [
            {"properties": {"kind": {"const": kind.name}}},
            {"properties": {"also": {"contains": {"const": kind.name}}}, "required": ["also"]},
        ]
    }
    fields = kind.keys.model_fields if kind.keys else {}
    names = {field.alias or name: field.is_required() for name, field in fields.items()}
    needed = [name for name, is_required in names.items() if is_required]
    if kind.needs_model:
        needed += ["model", "answer"]
    yield {"if": is_accepted, "then": {"required": needed}, "else": {"properties": dict.fromkeys(names, False)}}


def _or_file(value: Schema) -> Schema:
    """A key whose value may also name a file or a folder."""
    kept: Schema = {key: value.pop(key) for key in ("description", "default") if key in value}
    return {**kept, "anyOf": [{**TEXT, "description": "A path inside the challenge's folder"}, value]}


def _baseline() -> Schema:
    """A payload of one of the kinds. Rows to train on may also stand in a file beside it."""
    every = kinds.every()
    found = _definitions(kind.payload for kind in every)
    for kind in every:
        if kind.rows_field:
            payload = found[kind.payload.__name__]
            payload["required"].remove(kind.rows_field)
            payload["properties"]["rows_file"] = {**TEXT, "description": "JSON Lines, relative to this file"}
            payload["oneOf"] = [{"required": [kind.rows_field]}, {"required": ["rows_file"]}]
    rules = [
        {
            "if": {"properties": {"kind": {"const": kind.name}}},
            "then": {"$ref": REF.format(model=kind.payload.__name__)},
        }
        for kind in every
    ]
    said = "A submission, as a learner would hand it in."
    kind_key = {"kind": {"enum": list(kind_names())}}
    return {
        "description": said,
        "type": "object",
        "required": ["kind"],
        "properties": kind_key,
        "allOf": rules,
        "definitions": found,
    }


def _training_row() -> Schema:
    """The four shapes that `challenges.files.rows.read_train` accepts."""
    output = {"anyOf": [TEXT, {"type": "object", "additionalProperties": {"type": "string"}}]}
    turns = [{"properties": {"role": {"const": role}, "content": output}} for role in ("user", "assistant")]
    messages = {"type": "array", "items": turns, "minItems": 2, "maxItems": 2}
    shapes = (
        {"input": TEXT, "output": output},
        {"prompt": TEXT, "completion": output},
        {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT},
        {"input": TEXT, "chosen": TEXT, "rejected": TEXT},
        {"messages": messages},
    )
    return {
        "description": "A training row: an input with its output, a chat of two turns, or a preference.",
        "type": "object",
        "anyOf": [
            {"properties": {"id": {}, **shape}, "required": list(shape), "additionalProperties": False}
            for shape in shapes
        ],
    }
