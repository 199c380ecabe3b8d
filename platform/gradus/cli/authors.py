"""The commands `gradus challenge ...`, which course authors run on their own machine."""

from __future__ import annotations

import json as jsonlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.lint import MARKERS, Linted, Similarity, inspect
from challenges.problems import Problem
from gradus.cli import diff, rejudge
from gradus.cli.plugins import MISSING, ChallengeGroup, MissingExtra, load

HELP = "Write challenges and keep them fair: lint, diff, try, test, prove, rejudge."
app = typer.Typer(cls=ChallengeGroup, no_args_is_help=True, help=HELP)


app.command()(rejudge.rejudge)
app.command()(diff.diff)


@app.callback(help=HELP)
def challenge() -> None:
    """The group of these commands."""


@app.command()
def lint(
    path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a challenge.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Check a course, a lesson or a challenge. Print each problem as file:line: what is wrong: how to fix it.

    A line that begins with the word advice says what may be better otherwise, and changes no exit status.

    Exit status: 0 no problems, 1 problems, 3 no problems, but the check for similarity could not run.
    """
    folder = path.parent if path.name in MARKERS else path
    found, unchecked = _inspected(folder)
    if json:
        listed = {name: [_as_json(folder, one) for one in getattr(found, name)] for name in ("problems", "advice")}
        typer.echo(jsonlib.dumps({**listed, "not_checked": unchecked}, indent=2, ensure_ascii=False))
    else:
        _show(folder, found, unchecked)
    raise typer.Exit(1 if found.problems else MISSING if unchecked is not None else 0)


def _show(folder: Path, found: Linted, unchecked: str | None) -> None:
    for problem in found.problems:
        typer.echo(str(replace(problem, file=str(folder / problem.file))))
    if unchecked is not None:
        typer.echo(f"not checked: similarity ({unchecked})")
    if not found.problems and unchecked is None:
        typer.echo(f"{folder}: no problems found")
    for advice in found.advice:
        typer.echo(f"advice: {replace(advice, file=str(folder / advice.file))}")


def _as_json(folder: Path, problem: Problem) -> dict[str, Any]:
    return {"file": str(folder / problem.file), "line": problem.line, "what": problem.what, "fix": problem.fix}


def problems_in(folder: Path) -> tuple[list[Problem], str | None]:
    """Returns all problems in a folder, and the reason why similarity was not checked, or None if it was."""
    found, unchecked = _inspected(folder)
    return found.problems, unchecked


def _inspected(folder: Path) -> tuple[Linted, str | None]:
    try:
        similarity: Similarity = load("challenge.similarity")
        return inspect(folder, similarity), None
    except MissingExtra as error:
        return inspect(folder), str(error)
    except ImportError as error:
        return inspect(folder), f"`{error.name}` is missing; it comes with: pip install 'gradus[worker]'"
