"""The commands `gradus challenge ...`, which course authors run on their own machine."""

from __future__ import annotations

import json as jsonlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.lint.run import MARKERS, Linted, Similarity, inspect
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

    Exit status: 0 no problems, 1 problems, 3 no problems, but not everything could be checked on this machine.
    """
    folder = path.parent if path.name in MARKERS else path
    found = inspected(folder)
    if json:
        listed = {name: [_as_json(folder, one) for one in getattr(found, name)] for name in ("problems", "advice")}
        typer.echo(jsonlib.dumps({**listed, "not_checked": found.not_checked}, indent=2, ensure_ascii=False))
    else:
        _show(folder, found)
    raise typer.Exit(1 if found.problems else MISSING if found.not_checked else 0)


def _show(folder: Path, found: Linted) -> None:
    for problem in found.problems:
        typer.echo(str(replace(problem, file=str(folder / problem.file))))
    for unchecked in found.not_checked:
        typer.echo(f"not checked: {unchecked}")
    if not found.problems and not found.not_checked:
        typer.echo(f"{folder}: no problems found")
    for advice in found.advice:
        typer.echo(f"advice: {replace(advice, file=str(folder / advice.file))}")


def _as_json(folder: Path, problem: Problem) -> dict[str, Any]:
    return {"file": str(folder / problem.file), "line": problem.line, "what": problem.what, "fix": problem.fix}


def inspected(folder: Path) -> Linted:
    """Returns all that lint finds in a folder. Similarity is among what was not checked if it cannot be here."""
    try:
        similarity: Similarity = load("challenge.similarity")
        return inspect(folder, similarity)
    except MissingExtra as error:
        why = str(error)
    except ImportError as error:
        why = f"`{error.name}` is missing; it comes with: pip install 'gradus[worker]'"
    found = inspect(folder)
    return replace(found, not_checked=[f"similarity ({why})", *found.not_checked])
