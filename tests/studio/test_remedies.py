"""No page of the studio tells people to run a command, whatever a check or a tool has to say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from gradus.studio import remedies

COMMAND = re.compile(
    r"\bgradus (challenge|course|schema|run|submit)\b|(?<![-\w])--[a-z]|command line|\bpush(ing|ed) the "
)
ROOT = Path(settings.BASE_DIR)
# These write files that people read in an editor, or are tools that only the command line has.
ELSEWHERE = ("scaffold/base.py", "scaffold/course.py", "scaffold/evaluate.py", "scaffold/fork.py")
TOOLS = ("tables/report.py", "tables/duplicates.py")


def texts_of(file: Path) -> Iterator[str]:
    """The texts of a module without its docstrings; of a text with values, each part."""
    tree = ast.parse(file.read_text())
    of_no_use = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in of_no_use:
            yield node.value


@cache
def messages() -> list[str]:
    folder = ROOT / "challenges"
    files = [one for one in folder.rglob("*.py") if "library" not in one.parts]
    shown = [one for one in files if one.relative_to(folder).as_posix() not in (*ELSEWHERE, *TOOLS)]
    return sorted({text for file in shown for text in texts_of(file) if COMMAND.search(text)})


def test_there_are_messages_that_name_a_command():
    assert any("gradus challenge rows" in text for text in messages()) and len(messages()) > 15


@pytest.mark.parametrize("text", messages())
def test_the_studio_names_no_command_as_a_remedy(text):
    assert not COMMAND.search(remedies.here(text)), "give it a line in gradus.studio.remedies"


@pytest.mark.parametrize("command", [command for command, _words in remedies.INSTEAD])
def test_each_remedy_stands_for_a_message(command):
    assert any(command in text for text in messages()), "remove the line: no message has it any more"


def test_the_pages_of_the_studio_name_no_command():
    pages = {one: one.read_text() for one in (ROOT / "templates" / "studio").glob("*.html")}
    views = {one: "\n".join(texts_of(one)) for one in (ROOT / "platform/gradus/studio").rglob("*.py")}
    del views[Path(remedies.__file__)]
    assert pages and [str(one) for one, text in (pages | views).items() if COMMAND.search(text)] == []
