"""The commands `gradus challenge ...`, which course authors run on their own machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from challenges.lint import MARKERS, Similarity
from challenges.lint import lint as lint_folder
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
def lint(path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a challenge.")]) -> None:
    """Check a course, a lesson or a challenge. Print each problem as file:line: what is wrong: how to fix it.

    Exit status: 0 no problems, 1 problems, 3 no problems, but the check for similarity could not run.
    """
    folder = path.parent if path.name in MARKERS else path
    problems, unchecked = problems_in(folder)
    for problem in problems:
        typer.echo(str(replace(problem, file=str(folder / problem.file))))
    if unchecked is not None:
        typer.echo(f"not checked: similarity ({unchecked})")
    if not problems and unchecked is None:
        typer.echo(f"{folder}: no problems found")
    raise typer.Exit(1 if problems else MISSING if unchecked is not None else 0)


def problems_in(folder: Path) -> tuple[list[Problem], str | None]:
    """Returns all problems in a folder, and the reason why similarity was not checked, or None if it was."""
    try:
        similarity: Similarity = load("challenge.similarity")
        return lint_folder(folder, similarity), None
    except MissingExtra as error:
        return lint_folder(folder), str(error)
    except ImportError as error:
        return lint_folder(folder), f"`{error.name}` is missing; it comes with: pip install 'gradus[worker]'"
