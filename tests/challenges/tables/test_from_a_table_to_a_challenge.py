"""A product manager's way: a CSV of 600 messages, an empty folder, and at the end a challenge that lints clean."""

from __future__ import annotations

import json
import re
from importlib.metadata import EntryPoint
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from challenges.tables.folder import HIDDEN, PUBLIC
from gradus.cli import plugins
from tests.challenges.factory import put_tokenizer, write_text
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import PATH, Gradus
from tests.challenges.tables.test_rows import TICKETS, read, table

MARK = re.compile(r"\[write: ?[^\]]*\]")
EXAMPLE = re.compile(r"^( *- )\{input: .*, output: .*\}$", re.MULTILINE)


def write_the_texts(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Does what is left to the author: examples for the baselines, and words in the place of each mark."""
    examples = cycle(rows)
    for file in sorted(folder.rglob("*.yaml")) + sorted(folder.glob("*.md")):

        def example(match: re.Match[str]) -> str:
            row = next(examples)
            return f"{match.group(1)}{{input: {json.dumps(row['input'])}, output: {row['target']}}}"

        text = EXAMPLE.sub(example, file.read_text()) if file.parent.name == "baselines" else file.read_text()
        write_text(file, MARK.sub(lambda match: f"Which team of the desk answers this? ({match.start()})", text))


@pytest.mark.slow
def test_a_table_becomes_a_challenge_that_lints_clean(
    tmp_path: Path, embedding: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    similarity = EntryPoint("challenge.similarity", "workers.authoring.test_command:similarity", plugins.GROUP)
    points = [EntryPoint("challenge.embed", PATH, plugins.GROUP), similarity]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    gradus, file = embedding, table(tmp_path, desk.support_desk(600))
    assert gradus("course", "new", "help-desk", "--in", tmp_path).exit_code == 0
    lesson = tmp_path / "help-desk/first-lesson"
    assert gradus("challenge", "new", "prompt", "support-desk", "--in", lesson).exit_code == 0
    folder = lesson / "support-desk"

    done = gradus("challenge", "rows", file, *TICKETS, "--to", folder)
    assert done.exit_code == 0, done.output
    parts = read(folder)
    assert sum(map(len, parts.values())) > 500
    assert len(parts[HIDDEN]) == pytest.approx(3 * len(parts[PUBLIC]), rel=0.05)
    wrong = gradus("challenge", "lint", folder)
    assert ".jsonl" not in wrong.output, wrong.output

    write_the_texts(folder, parts[PUBLIC])
    linted = gradus("challenge", "lint", folder)
    assert linted.exit_code == 0, linted.output
    assert "no problems found" in linted.output

    again = gradus("challenge", "rows", file, *TICKETS, "--to", folder)
    assert (again.exit_code, again.output.count("nothing changes")) == (0, 2)
    assert gradus("challenge", "dedupe", folder).exit_code == 0
