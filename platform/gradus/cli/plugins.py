"""Loads commands from the entry points `gradus.commands` only when they are run, so that `gradus --help` is quick."""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog
import typer
from typer.core import TyperCommand, TyperGroup

from challenges.distribution import install

GROUP = "gradus.commands"
# Entry points that are functions for other commands, not commands themselves.
FUNCTIONS = frozenset({"challenge.similarity", "challenge.embed"})
MISSING = 3


class MissingExtra(Exception):
    """The module that an entry point names cannot be imported. The message says what to install."""


def load(name: str) -> Callable[..., Any]:
    """Returns the function that an entry point such as `challenge.test` names. Raises `MissingExtra`."""
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise MissingExtra(f"`{name}` is not installed")
    return _load(found[0])


def _load(point: EntryPoint) -> Callable[..., Any]:
    try:
        loaded: Callable[..., Any] = point.load()
    except (ImportError, AttributeError) as error:
        missing = getattr(error, "name", None) or point.value
        raise MissingExtra(f"`{missing}` is missing; it comes with: {install('worker')}") from error
    return loaded


class LazyCommand(TyperCommand):
    """Represents a command in the help. Its module is imported only when the command runs."""

    def __init__(self, name: str, point: EntryPoint) -> None:
        needs = " Needs the worker extra." if point.value.startswith("workers.") else ""
        super().__init__(name=name, help=f"{_about(point) or f'See `{name} --help`.'}{needs}")
        self.point = point

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Parses the arguments with the real command, which the returned context also runs."""
        _log_to_stderr()
        try:
            real = self.real()
        except MissingExtra as error:
            typer.echo(f"gradus {self.point.name.replace('.', ' ')} cannot run: {error}", err=True)
            raise typer.Exit(MISSING) from error
        return real.make_context(info_name, args, parent=parent, **extra)

    def real(self) -> Any:
        """Returns the command itself, with its arguments and options. Raises `MissingExtra`."""
        single = typer.Typer(add_completion=False)
        single.command(self.name)(_load(self.point))
        return typer.main.get_command(single)


def _about(point: EntryPoint) -> str:
    """The first paragraph of a function's docstring, read from the source, because an import may take seconds."""
    try:
        spec = find_spec(point.module)
    except ImportError:
        return ""
    if spec is None or spec.origin is None:
        return ""
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == point.attr:
            return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return ""


def _log_to_stderr() -> None:
    """Keeps log lines out of what a command prints, which may be JSON, and shows only warnings and errors."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
        )


class LazyGroup(TyperGroup):
    """A group of commands that also has the entry points whose name is `prefix` and one more word."""

    prefix = ""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists the group's own commands first, then those from entry points."""
        return [*super().list_commands(ctx), *sorted(self._points())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Returns a command of the group, or a `LazyCommand` for one from an entry point."""
        own = super().get_command(ctx, cmd_name)
        point = self._points().get(cmd_name)
        return own if own is not None or point is None else LazyCommand(cmd_name, point)

    def _points(self) -> dict[str, EntryPoint]:
        named = {p.name.removeprefix(self.prefix): p for p in entry_points(group=GROUP) if self._is_ours(p.name)}
        return {name: point for name, point in named.items() if "." not in name}

    def _is_ours(self, name: str) -> bool:
        return name.startswith(self.prefix) and name not in FUNCTIONS


class ChallengeGroup(LazyGroup):
    """The commands `gradus challenge ...`."""

    prefix = "challenge."


class CourseGroup(LazyGroup):
    """The commands `gradus course ...`."""

    prefix = "course."


class LessonGroup(TyperGroup):
    """The commands `gradus lesson ...`, and `gradus lesson ID`, which is older than they are: it shows a lesson."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes everything that begins with no command of the group as meant for `show`."""
        is_older = bool(args) and args[0] not in self.commands and args[0] not in ctx.help_option_names
        return super().parse_args(ctx, ["show", *args] if is_older else args)


class JudgeGroup(LazyGroup):
    """The commands `gradus judge ...`."""

    prefix = "judge."
