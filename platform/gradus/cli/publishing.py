"""The commands `gradus course ...`: from a folder on the author's machine to a course that the site shows, and back."""

from __future__ import annotations

import typer

from gradus.cli.plugins import CourseGroup

HELP = "Write and publish a course."
app = typer.Typer(cls=CourseGroup, no_args_is_help=True, help=HELP)


@app.callback(help=HELP)
def course() -> None:
    """The group of these commands."""
