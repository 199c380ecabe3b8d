"""Every command that `deploy/` names is there and takes the options that it is given."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path

import click
import pytest
from django.conf import settings
from django.core.management import CommandError, get_commands, load_command_class

from tests.deploy.files import DEPLOY, PYTHON, Command, commands, dockerfile, of_procfile, of_units, units

OUTSIDE = {"/bin/kill": ["-HUP", "$MAINPID"]}


def web_server(words: list[str]) -> None:
    """Granian's options."""
    from granian import cli

    # It looks whether the folder is there.
    static = str(settings.BASE_DIR / "static")
    words = [static if word.endswith("/static") and len(word) > 7 else word for word in words]
    context = cli.cli.make_context("granian", words)
    module, _, name = context.params["app"].partition(":")
    assert getattr(import_module(module), name)


def celery(words: list[str]) -> None:
    """Its own options first, then those of the worker."""
    from celery.bin.celery import celery as group
    from celery.bin.worker import worker

    at = words.index("worker")
    assert group.make_parser(click.Context(group)).parse_args(words[:at])[0]["app"] == "gradus"
    given, rest, _ = worker.make_parser(click.Context(worker)).parse_args(words[at + 1 :])
    assert not rest
    assert given["queues"] in settings.LANES


def manage(words: list[str]) -> None:
    name = words[0]
    command = load_command_class(get_commands()[name], name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", StringIO())
        command.create_parser("manage.py", name).parse_args(words[1:])


MODULES: dict[str, Callable[[list[str]], None]] = {"gradus.operations.web_server": web_server, "celery": celery}


def check(command: Command) -> None:
    program, *words = command.words
    if program in OUTSIDE:
        assert words == OUTSIDE[program]
        return
    assert program in ("python", PYTHON), command
    if words[0] == "-m":
        MODULES[words[1]](words[2:])
    else:
        assert (settings.BASE_DIR / words[0]).is_file()
        manage(words[1:])


@pytest.mark.parametrize("command", commands(), ids=str)
def test_it_is_there_and_takes_its_options(command: Command) -> None:
    check(command)


@pytest.mark.parametrize(
    "line",
    [
        "python -m gradus.operations.web_server --interface asginl --no-such-option gradus.asgi:application",
        "python -m gradus.operations.web_server --interface asginl gradus.asgi:nothing",
        "python -m celery -A gradus worker -Q grade --no-such-option",
        "python -m celery -A gradus worker -Q lane-without-a-name",
        "python manage.py reconcile --no-such-option",
        "python manage.py no_such_command",
        "python no-such-file.py",
        "no-such-program",
    ],
)
def test_a_slip_is_noticed(line: str) -> None:
    with pytest.raises((AssertionError, AttributeError, KeyError, SystemExit, CommandError, click.ClickException)):
        check(Command("here", tuple(line.split())))


def test_each_kind_of_file_gives_commands_and_starts_each_program_of_a_site() -> None:
    found = {command.where.split()[0] for command in commands()}
    assert {"Procfile", "compose", "Dockerfile", "README", "gradus-web.service", "gradus-reconciler.service"} <= found
    assert len(commands()) > 20
    for kind in (of_procfile, of_units):
        lines = [" ".join(command.words) for command in kind()]
        for part in ("gradus.operations.web_server", "celery", "manage.py reconcile"):
            assert any(part in line for line in lines), part


def test_the_readme_names_units_files_and_extras_that_there_are() -> None:
    text = (DEPLOY / "README.md").read_text()
    named = set(re.findall(r"systemctl.* (gradus[\w.-]*@?)", text)) | set(re.findall(r"`(gradus-\w+@?)", text))
    there = {path.stem for path in units()} | {path.name for path in units()}
    assert {"gradus-web", "gradus-worker@"} <= named <= there
    for path in ("deploy/systemd/gradus.env.example", "deploy/systemd", "constraints.txt"):
        assert path in text and (settings.BASE_DIR / path).exists()
    for folder in ("systemd", "prometheus", "nginx", "container"):
        assert f"`{folder}/`" in text and (DEPLOY / folder).is_dir()


def test_the_image_is_built_from_what_there_is() -> None:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    (install,) = [line for line in dockerfile() if "pip install" in line]
    assert '-e ".[worker,prod]"' in install and {"worker", "prod"} <= set(project["optional-dependencies"])
    assert "-c constraints.txt" in install and Path(settings.BASE_DIR / "constraints.txt").is_file()
