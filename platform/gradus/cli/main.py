"""The `gradus` command. It does not set up Django, and imports none of the apps."""

from __future__ import annotations

import sys
import warnings
from getpass import GetPassWarning
from typing import Annotated

import typer

from challenges import distribution
from challenges.models.catalogue import ModelsFileError
from gradus.cli import (
    announcements,
    authors,
    class_dates,
    classes,
    grades,
    learners,
    lessons,
    moderation,
    people,
    publishing,
    receipts,
    records,
    releases,
    rosters,
    scaffolding,
)
from gradus.cli.plugins import JudgeGroup, LazyGroup

app = typer.Typer(
    cls=LazyGroup,
    name="gradus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
judge = typer.Typer(cls=JudgeGroup, no_args_is_help=True, help="Try out the judge of free-text answers.")
app.add_typer(learners.app)
app.add_typer(lessons.app)
app.add_typer(records.app)
app.add_typer(receipts.app)
authors.app.command("new")(scaffolding.new_challenge)
publishing.app.command("new")(scaffolding.new_course)
publishing.app.command("fork")(scaffolding.fork_course)
publishing.app.command("people")(people.list_people)
publishing.app.command("invite")(people.invite)
publishing.app.command("role")(people.change_role)
publishing.app.command("remove")(people.remove)
publishing.app.command("leave")(people.leave)
publishing.app.command("listing")(people.listing)
classes.app.command("roster")(rosters.roster)
classes.app.command("grades")(grades.grades)
classes.app.command("grade")(grades.grade)
classes.app.command("release")(releases.release)
classes.app.command("dates")(class_dates.dates)
classes.app.command("extend")(class_dates.extend)
classes.app.command("grant")(class_dates.grant)
classes.app.command("grants")(class_dates.list_grants)
classes.app.command("withdraw-grant")(class_dates.withdraw_grant)
classes.app.command("why")(class_dates.why)
classes.app.command("announce")(announcements.announce)
classes.app.command("announcements")(announcements.list_announcements)
classes.app.command("withdraw")(announcements.withdraw)
app.command("schema")(scaffolding.print_schema)
scaffolding.lessons.command("show")(lessons.lesson)
app.add_typer(scaffolding.lessons, name="lesson")
app.add_typer(authors.app, name="challenge")
app.add_typer(publishing.app, name="course")
app.add_typer(classes.app, name="class")
app.add_typer(moderation.app, name="board")
app.add_typer(judge, name="judge")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradus {distribution.release()}")
        raise typer.Exit


@app.callback()
def gradus(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Auto-graded challenges for courses about large language models."""
    if not sys.stdin.isatty():  # A password that is piped in is shown nowhere, so the warning would only confuse.
        warnings.simplefilter("ignore", GetPassWarning)


def main() -> None:
    """Runs the command line. The console script `gradus` calls it."""
    try:
        app()
    except ModelsFileError as error:
        sys.exit(str(error))
