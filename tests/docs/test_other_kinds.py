"""The table "The other kinds" of docs/authors/first-challenge.md: each line is followed, command and rows."""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from challenges.authoring.unwritten import CODE
from challenges.lint.run import inspect
from challenges.reading import read_challenge
from tests.challenges.factory import put_tokenizer
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus, gradus
from tests.challenges.tables.test_rows import table
from tests.docs.pages import ROOT

__all__ = ["gradus"]
PAGE = (ROOT / "docs/authors/first-challenge.md").read_text(encoding="utf-8")
LINE = re.compile(r"(?m)^\| [^|]* \| `gradus (challenge new [^`|]*)` \| ([^|]*) \|$")
LINES = [(shlex.split(command), cell) for command, cell in LINE.findall(PAGE)]
ROWS = ("public.jsonl", "hidden.jsonl", "train.jsonl", "gold.jsonl")
Table = tuple[list[dict[str, Any]], str]


def labels() -> Table:
    return desk.support_desk(240), "--text message --label team"


def fields() -> Table:
    return desk.notices(80), "--text text --label category=topic --label summary=about"


def texts() -> Table:
    return desk.notices(80), "--text text --label about"


def preferences() -> Table:
    rows = [
        {"ask": row["text"], "word": row["about"], "short": f"The {row['about']}.", "long": f"{row['text']} Indeed."}
        for row in desk.notices(80)
    ]
    return rows, "--text ask --label word --chosen short --rejected long"


def documents() -> Table:
    pages = ("first-page", "second-page")
    rows = [
        {**row, "answers": row["answers"][0], "pages": pages[n % 2] if row["pages"] else ""}
        for n, row in enumerate(desk.questions(80))
    ]
    return rows, "--text question --label answers --documents pages"


def marks() -> Table:
    draw, criteria = random.Random(7), ("names-the-cause", "names-the-remedy", "claims-nothing-wrong")
    rows = [
        {"answer": f"I think that {row['message']}"} | {name: draw.choice(("yes", "no")) for name in criteria}
        for row in desk.support_desk(80)
    ]
    return rows, f"--text answer {' '.join(f'--label {name}' for name in criteria)}"


# By the kind and its form, as the command has them.
TABLES: Mapping[str, Callable[[], Table]] = {
    "prompt json": fields,
    "prompt text": texts,
    "tune": labels,
    "tune qlora": labels,
    "tune full": labels,
    "tune dpo": preferences,
    "rag": documents,
    "free_text": marks,
}


@pytest.fixture
def lesson(tmp_path: Path, gradus: Gradus, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lesson of a new course, in which commands run."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    assert gradus("course", "new", "my-course", "--in", tmp_path).exit_code == 0
    monkeypatch.chdir(tmp_path / "my-course/first-lesson")
    return tmp_path / "my-course/first-lesson"


def form(command: list[str]) -> str:
    """The kind, and the answer type or the method."""
    return " ".join([command[2], *command[5:]])


def test_the_table_has_every_kind_and_form() -> None:
    assert {*map(form, [command for command, _ in LINES]), "tune full"} == set(TABLES)
    assert "`--method full`" in {form(command): cell for command, cell in LINES}["tune qlora"]


@pytest.mark.parametrize(
    ("command", "cell"),
    [*LINES, (["challenge", "new", "tune", "teach-it-all", "--method", "full"], "")],
    ids=lambda given: form(given) if isinstance(given, list) else "",
)
def test_a_line_is_followed(command: list[str], cell: str, lesson: Path, tmp_path: Path, gradus: Gradus) -> None:
    done = gradus(*command)
    assert done.exit_code == 0, done.output
    folder = lesson / command[3]
    before = inspect(lesson.parent).problems
    assert before and [str(one) for one in before if one.code != CODE] == []

    rows, options = TABLES[form(command)]()
    assert set(re.findall(r"--[a-z]+", cell)) - {"--method"} <= set(options.split())
    done = gradus("challenge", "rows", table(tmp_path, rows), *options.split(), "--to", folder)
    assert done.exit_code == 0, done.output
    after = inspect(lesson.parent).problems
    assert [str(one) for one in after if one.code != CODE or Path(one.file).name in ROWS] == []
    assert len(after) < len(before)
    bundle = read_challenge(folder)
    made = bundle.gold if command[2] == "free_text" else (*bundle.public, *bundle.hidden)
    assert len(made) > 30
    assert bool(bundle.train) == (command[2] == "tune")
