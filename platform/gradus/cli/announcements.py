"""The commands `gradus class announce`, `announcements` and `withdraw`, with which teachers tell a class something."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.classes import Class
from gradus.cli.client import WRONG_NAME
from gradus.cli.learners import Json, show_answer, site


def announce(
    number: Class,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The title, such as “Another room on Monday”.")],
    text: Annotated[str, typer.Option("--text", help="The text, in Markdown.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A file with the text.", exists=True)] = None,
    label: Annotated[str, typer.Option("--label", help="Only for the members with this label.")] = "",
    at: Annotated[
        str | None, typer.Option("--at", help="When it is published, such as 2026-10-05T09:00; at once if omitted.")
    ] = None,
    mail: Annotated[bool, typer.Option(help="Whether members who asked for notices by mail get it by mail.")] = True,
    as_json: Json = False,
) -> None:
    """Announce something to a class: on the page of its course, as a notice and, if members asked for it, by mail."""
    if bool(text) == (file is not None):
        typer.echo("Give the text with --text, or a file with --file.", err=True)
        raise typer.Exit(WRONG_NAME)
    said = file.read_text("utf-8") if file else text
    given = {"title": title, "text": said, "label": label, "publish_at": at, "by_mail": mail}
    show_answer(lambda api: api.post(f"classes/{number}/announcements", given), as_json, show_announced)


def show_announced(made: dict[str, Any]) -> None:
    if made["state"] == "published":
        typer.echo(f"Announcement {made['id']} is published.")
    else:
        typer.echo(f"Announcement {made['id']} will be published at {made['publish_at']}.")


def list_announcements(number: Class, as_json: Json = False) -> None:
    """List the announcements of a class that you teach, including scheduled and withdrawn ones."""
    show_answer(lambda api: {"announcements": api.get(f"classes/{number}/announcements")}, as_json, show_announcements)


def show_announcements(found: dict[str, Any]) -> None:
    rows = (
        (one["id"], one["title"], one["label"] or "everybody", one["state"], one["publish_at"])
        for one in found["announcements"]
    )
    showing.table("", ("Number", "Title", "For", "State", "Time"), rows)


def withdraw(
    number: Class,
    announcement: Annotated[int, typer.Argument(metavar="NUMBER", help="The number of the announcement.")],
) -> None:
    """Withdraw an announcement. It disappears from pages and notices; mails that were sent cannot be recalled."""
    with site() as api:
        api.delete(f"classes/{number}/announcements/{announcement}")
    typer.echo("The announcement is withdrawn.")
