"""The commands `gradus class grades`, for the gradebook of a class, and `grade`, for what a person sets in it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.classes import Class
from gradus.cli.client import WRONG_NAME
from gradus.cli.learners import Json, show_answer, site


class Format(StrEnum):
    TABLE = "table"
    CANVAS = "canvas"
    MOODLE = "moodle"
    WIDE = "wide"
    LONG = "long"


SHORT = {"overridden": "set by a person", "held": "not released", "none": "", "graded": ""}
PAGE = 100


def grades(
    of_class: Class,
    format: Annotated[
        Format, typer.Option("--format", help="`table` prints the grades; the others write a file of this format.")
    ] = Format.TABLE,
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="The file to write; standard output if omitted.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Only learners with this label.")] = "",
    as_json: Json = False,
) -> None:
    """Show the grades of a class, or write them to a file for Canvas, Moodle or a spreadsheet.

    The files for Canvas and Moodle contain only released grades.
    """
    address = f"classes/{of_class}/grades"
    with site() as api:
        if as_json or format == Format.TABLE:
            found = everybody(api, address, label)
            showing.say(found, as_json, show)
            return
        notes = api.get(address, label=label or None, size=1)["notes"]
        if out is None:
            api.download(address, typer.get_binary_stream("stdout"), format=format.value, label=label or None)
        else:
            with out.open("wb") as file:
                api.download(address, file, format=format.value, label=label or None)
            typer.echo(f"The grades are in {out}.", err=True)
    if format in (Format.CANVAS, Format.MOODLE):
        for note in notes:
            typer.echo(note, err=True)


def everybody(api: Any, address: str, label: str) -> dict[str, Any]:
    """Returns the gradebook as the API's JSON, with the learners of all its pages."""
    found: dict[str, Any] = api.get(address, label=label or None, size=PAGE)
    for page in range(2, found["pages"] + 1):
        found["learners"] += api.get(address, label=label or None, size=PAGE, page=page)["learners"]
    return {**found, "page": 1, "pages": 1}


def show(found: dict[str, Any]) -> None:
    columns = [column["challenge"] for column in found["challenges"]]
    rows = (
        (one["name"], *map(_cell, one["cells"]), f"{one['points']:g} of {one['possible']:g}")
        for one in found["learners"]
    )
    showing.table("", ("Learner", *columns, "Total"), rows)


def _cell(cell: dict[str, Any]) -> str:
    points = showing.number(cell["points"])
    told = [SHORT.get(cell["state"], cell["state"]), "late" if cell["late"] else ""]
    words = ", ".join(word for word in told if word)
    return f"{points} ({words})" if points and words else points or words


def grade(
    of_class: Class,
    challenge: Annotated[str, typer.Argument(metavar="CHALLENGE", help="The id of the challenge.")],
    learners: Annotated[
        list[str],
        typer.Argument(metavar="LEARNER...", help="Email addresses, logins, or registration or member numbers."),
    ],
    points: Annotated[float | None, typer.Option("--points", help="The points, in place of the computed ones.")] = None,
    excuse: Annotated[bool, typer.Option("--excuse", help="Excuse them, so that their totals leave it out.")] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="End either of them: the computed points count again.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="The reason, for those who teach; --clear needs none.")] = "",
    as_json: Json = False,
) -> None:
    """Set the points of learners at a challenge, excuse them, or clear either."""
    if sum((points is not None, excuse, clear)) != 1:
        typer.echo("Choose one of --points, --excuse and --clear.", err=True)
        raise typer.Exit(WRONG_NAME)
    kind = "excused" if excuse else "cleared" if clear else "value"
    given = {"members": learners, "challenge": challenge, "kind": kind, "value": points, "reason": reason}
    path = f"classes/{of_class}/overrides"
    show_answer(lambda api: {"challenge": challenge, **api.post(path, given)}, as_json, show_grade)


def show_grade(done: dict[str, Any]) -> None:
    rows = (
        (one["name"], _cell(cell), cell["reason"])
        for one in done["learners"]
        for cell in one["cells"]
        if cell["challenge"] == done["challenge"]
    )
    showing.table("", ("Learner", done["challenge"], "Reason"), rows)
