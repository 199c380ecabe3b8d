"""Only the registries and a kind's own rooms name a kind: whatever else asks what a kind is like, not what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from challenges.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("challenges", "graders", "workers", "platform/gradus")
REGISTRIES = {"challenges/registry.py", "graders/registry.py", "platform/gradus/learn/kind_pages.py"}
ROOMS = (
    "challenges/kinds/",
    *(f"challenges/lint/{kind}.py" for kind in KINDS),
    *(f"challenges/scaffold/{kind}.py" for kind in KINDS),
    "graders/free_text/",
    "graders/evaluate.py",
    "graders/prompt.py",
    "graders/rag.py",
    "graders/tune.py",
    "platform/gradus/learn/kinds/",
)
# The engine has a vocabulary of its own; migrations and the course's files are data.
OUTSIDE = ("workers/engine/", "challenges/library/")
# Words that are spelled like a kind and mean something else.
HOMONYMS = {
    ("challenges/files/rows.py", "prompt"): "the column of TRL's training rows",
    ("challenges/scaffold/answers.py", "prompt"): "the same column",
    ("challenges/authoring/schemas.py", "prompt"): "the same column",
    ("workers/take_home/contents.py", "prompt"): "the same column",
    ("workers/take_home/train.py", "prompt"): "the same column",
    ("workers/take_home/train_preferences.py", "prompt"): "the same column",
    ("platform/gradus/preferences/services.py", "prompt"): "what two answers are given to, and the same column",
    ("platform/gradus/own_data/document.py", "prompt"): "the same text",
    ("graders/chat.py", "prompt"): "the text that both models of a chat read",
    ("platform/gradus/api/chats.py", "prompt"): "the same text",
    ("platform/gradus/cli/records.py", "prompt"): "the text to which two answers are given",
    ("platform/gradus/learn/chat.py", "prompt"): "the same text",
    ("challenges/tables/entries.py", "prompt"): "the column of TRL's training rows",
    ("challenges/tables/folder.py", "prompt"): "the same column",
    ("platform/gradus/studio/rows.py", "prompt"): "the same column",
    ("challenges/rows.py", "prompt"): "the role of a gold answer that the judge is shown, and the same column",
    ("platform/gradus/reviews/models/gold.py", "prompt"): "the same role, as a column has it",
    ("challenges/findings/digest.py", "prompt"): "the section of `challenge.yaml` with the texts around a row",
    ("challenges/lint/spec.py", "prompt"): "the same section",
    ("platform/gradus/api/challenges.py", "prompt"): "the same section",
    (
        "platform/gradus/sign_in/provider.py",
        "prompt",
    ): "whether a provider of OpenID Connect may ask its person anything",
    ("platform/gradus/lti/messages.py", "prompt"): "the same parameter",
    ("workers/remote/engine.py", "prompt"): "the parameter of a completion, as the API of OpenAI and vLLM names it",
    ("workers/remote/job.py", "prompt"): "the same parameter",
}


def files() -> Iterator[tuple[str, ast.AST]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in name and not name.startswith(OUTSIDE):
                yield name, ast.parse(path.read_text())


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """String literals that are a kind's name, with their lines; keys of mappings and indexes among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in KINDS:
            yield node.lineno, node.value


def test_no_other_file_names_a_kind_and_each_homonym_is_still_there() -> None:
    named = [(name, line, value) for name, tree in files() for line, value in literals(tree)]
    found = [
        f"{name}:{line}: {value}"
        for name, line, value in named
        if name not in REGISTRIES and not name.startswith(ROOMS) and (name, value) not in HOMONYMS
    ]
    assert found == []
    assert HOMONYMS.keys() - {(name, value) for name, _, value in named} == set()


def test_templates_name_no_kind_outside_their_rooms() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if "learn/kinds/" not in path.as_posix()
        for name in KINDS
        if f'"{name}"' in path.read_text()
    ]
    assert found == []
