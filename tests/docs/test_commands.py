"""docs/authors/commands.md names every command of an author with its arguments, options and exit statuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.text import Text
from typer.main import get_command

from gradus.cli.main import app
from gradus.cli.plugins import LazyCommand
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "authors" / "commands.md").read_text(encoding="utf-8")
SECTION = re.compile(r"(?ms)^### `(gradus [^`\n]+)`\n(.*?)(?=^##|\Z)")
STATUS = re.compile(r"Exit status:(.*?)(?:\n\n|\Z)", re.DOTALL)
# Where every command is an author's. Of the commands beside them, only these are.
GROUPS = {"board", "class", "course", "lesson", "challenge", "judge", "token"}
ALONE = {"gradus schema", "gradus login"}


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each command with its whole name. Those that are loaded only when they run are loaded here."""
    if hasattr(command, "list_commands"):
        for each in command.list_commands(None):
            yield from walk(command.get_command(None, each), f"{name} {each}")
    elif not command.hidden:
        yield name, command.real() if isinstance(command, LazyCommand) else command


COMMANDS = dict(walk(get_command(app), "gradus"))
AUTHORS = {name: found for name, found in COMMANDS.items() if name.split()[1] in GROUPS or name in ALONE}


def documented() -> dict[str, tuple[list[str], str]]:
    """The arguments and the text of each command's section, by the command's name."""
    found = {}
    for heading, text in SECTION.findall(PAGE):
        words = heading.split()
        name = " ".join(word for word in words if word.islower())
        found[name] = ([word for word in words if not word.islower()], text)
    return found


def test_every_command_has_a_section_and_none_is_made_up() -> None:
    assert set(documented()) == set(AUTHORS)


def test_every_command_of_learners_is_listed_and_none_is_made_up() -> None:
    listed = set(re.findall(r"(?m)^\| `(gradus [a-z-]+)` \|", PAGE))
    assert listed == set(COMMANDS) - set(AUTHORS)


@pytest.mark.parametrize("name", sorted(AUTHORS))
def test_a_command_has_its_arguments_its_options_and_its_statuses(name: str) -> None:
    arguments, text = documented()[name]
    parameters = AUTHORS[name].params
    expected = [one for one in parameters if one.param_type_name == "argument"]
    assert [word.startswith("[") for word in arguments] == [not one.required for one in expected]
    assert [word.strip("[]") for word in arguments] == [
        (one.metavar or one.name.upper()).strip("[]") for one in expected
    ]
    cells = re.findall(r"(?m)^\| (`-[^|]*) \|", text)
    options = {word for cell in cells for word in re.findall(r"`(-[\w-]+)", cell)}
    assert options == {
        option
        for one in parameters
        if one.param_type_name == "option" and not one.hidden
        for option in (*one.opts, *one.secondary_opts)
    }
    assert _statuses(text) == _statuses(AUTHORS[name].help)


def _statuses(text: str) -> set[str]:
    """The numbers that are said of a command, beside what holds for all."""
    return {number for said in STATUS.findall(text) for number in re.findall(r"\b\d+\b", said)}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_word_of_a_help_is_lost_as_markup(name: str) -> None:
    texts = [COMMANDS[name].help, *(getattr(one, "help", None) for one in COMMANDS[name].params)]
    for text in filter(None, texts):
        assert Text.from_markup(text).plain == text.replace("\\[", "[")
