"""Every YAML example of the documentation goes through the reader that its file would go through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from challenges.check import check
from challenges.documents import Document
from challenges.files.yaml_lines import read
from challenges.findings.spec import Findings
from challenges.kinds.evaluate_keys import EvaluateKeys
from challenges.kinds.rag_keys import RagKeys
from challenges.kinds.tune_keys import Tune
from challenges.lesson.spec import ChoiceQuestion
from challenges.models.base_models import BaseModel
from challenges.payloads import parse
from challenges.reading import read_challenge
from challenges.spec import Challenge
from gradus.cli.payload_files import payload
from tests.docs.pages import ROOT, pages

BLOCK = re.compile(r"^( *)```ya?ml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
LIBRARY = ROOT / "challenges" / "library"
EXAMPLES = ROOT / "docs" / "examples"
# Challenges that take the baselines of docs/bundle.md, by the kind, the method, or a key of their own.
TAKERS = {
    "prompt": LIBRARY / "fine-tuning-vs-prompting/symptom-specialty",
    "lora": LIBRARY / "fine-tuning-vs-prompting/symptom-specialty",
    "dpo": EXAMPLES / "training-methods/methods/short-answers",
    "rag": EXAMPLES / "ask-the-library",
    "free_text": LIBRARY / "retrieval/where-did-the-answer-go-wrong",
    "own_run": EXAMPLES / "your-own-run",
}


# Each of its blocks is written into a course, which lint reads.
FOLLOWED = {ROOT / "docs/authors/lesson.md": "tests/docs/test_lesson.py"}


def blocks() -> Iterator[Any]:
    for page in pages():
        if page in FOLLOWED:
            continue
        for found in BLOCK.finditer(text := page.read_text(encoding="utf-8")):
            line = text[: found.start()].count("\n") + 2
            yield pytest.param(found[2], id=f"{page.relative_to(ROOT)}:{line}")


def as_challenge(data: dict[str, Any]) -> object:
    return Challenge.model_validate(data)


def as_findings(data: dict[str, Any]) -> object:
    return Findings.model_validate(data)


def as_questions(data: dict[str, Any]) -> object:
    return [ChoiceQuestion.model_validate(question) for question in data["questions"]["check"]]


def as_own_choices(data: dict[str, Any]) -> object:
    return Tune.model_validate(data["tune"])


def as_documents(data: dict[str, Any]) -> object:
    names = RagKeys.model_fields.keys()
    corpus = [Document(id="one", title="One", text="A text.")]
    return RagKeys.model_validate(
        {**{key: data[key] for key in data if key in names}, "corpus": corpus, "updates": corpus}
    )


def as_test_sets(data: dict[str, Any]) -> object:
    return EvaluateKeys.model_validate({"evaluate": data["evaluate"], "systems": {"prompts": {}, "systems": []}})


def as_models(data: dict[str, Any]) -> object:
    # The digest is cut short in the text.
    return TypeAdapter(list[BaseModel]).validate_python([{**model, "sha256": "0" * 64} for model in data["models"]])


# By a key that only such a file has.
FILES: dict[str, Callable[[dict[str, Any]], object]] = {
    "hints": as_challenge,
    "findings": as_findings,
    "questions": as_questions,
    "candidates": as_own_choices,
    "corpus": as_documents,
    "systems": as_test_sets,
    "models": as_models,
}


@pytest.mark.parametrize("text", list(blocks()))
def test_an_example_is_accepted_by_its_reader(tmp_path: Path, text: str) -> None:
    data = read(text).data
    reader = next((reader for key, reader in FILES.items() if key in data), None)
    if reader is not None:
        assert reader(data)
        return
    taker = TAKERS["own_run" if "own_run" in data else data.get("method") if data["kind"] == "tune" else data["kind"]]
    file = tmp_path / "baselines" / "example.yaml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    (tmp_path / "train.jsonl").write_bytes((taker / "train.jsonl").read_bytes() if "rows_file" in data else b"")
    challenge = read_challenge(taker).challenge
    sent = parse(payload(file, None, challenge.tracks))
    # The rows and words of an example are placeholders; everything else must be what a submit accepts.
    assert {problem.code for problem in check(challenge, sent, lambda given: len(given.split()))} <= {
        "words",
        "equal_sides",
    }
