"""The group `gradus class`, and its commands for settings, join codes and members, and to join and leave a class.

CLASS is the number of a class, as `gradus class list` prints it. A time without an offset is in the zone of the class.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gradus.cli import output as showing
from gradus.cli.client import WRONG_NAME
from gradus.cli.learners import Json, show_answer, site

app = typer.Typer(no_args_is_help=True, help="Teach a class, or join one. A class is one offering of a course.")


class Role(StrEnum):
    LEARNER = "learner"
    ASSISTANT = "assistant"
    INSTRUCTOR = "instructor"


Class = Annotated[int, typer.Argument(metavar="CLASS", help="The number, as `gradus class list` prints it.")]
Member = Annotated[
    str, typer.Argument(metavar="MEMBER", help="An email address, a login, or a registration or member number.")
]
Time = Annotated[str | None, typer.Option(help="Such as 2026-10-05T09:00.")]


@app.command("list")
def list_classes(as_json: Json = False) -> None:
    """List the classes that you teach or are in."""
    show_answer(lambda api: {"classes": api.get("classes")}, as_json, show_classes)


def show_classes(found: dict[str, Any]) -> None:
    rows = ((one["id"], one["title"], one["course"], one["state"], one["you"]) for one in found["classes"])
    showing.table("", ("Class", "Title", "Course", "State", "You are"), rows)


@app.command("show")
def show_class(number: Class, as_json: Json = False) -> None:
    """Show one class: when it runs, and for those who teach it, how people join."""
    show_answer(lambda api: api.get(f"classes/{number}"), as_json, show_one)


def show_one(found: dict[str, Any]) -> None:
    shown = ("title", "course", "state", "you", "timezone", "begins_at", "ends_at", "learners")
    more = ("join_link", "join_code", "join_code_until", "points", "board")
    rows = ((name.replace("_", " ").capitalize(), found[name]) for name in (*shown, *more) if found[name] is not None)
    showing.table("", (f"Class {found['id']}", ""), rows)


@app.command("new")
def new_class(
    course: Annotated[str, typer.Argument(metavar="COURSE", help="The course's id.")],
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The title, such as “Autumn 2026, evening group”.")],
    zone: Annotated[
        str, typer.Option("--timezone", help="Such as Europe/Vienna; the zone of the course if omitted.")
    ] = "",
    begin: Time = None,
    end: Time = None,
    as_json: Json = False,
) -> None:
    """Create a class of a course."""
    given = {"course": course, "title": title, "timezone": zone, "begins_at": begin, "ends_at": end}
    show_answer(lambda api: api.post("classes", given), as_json, show_new)


def show_new(made: dict[str, Any]) -> None:
    typer.echo(f"Class {made['id']}, {made['title']}, is there. Let people join: gradus class code {made['id']} UNTIL")


@app.command("code")
def make_code(
    number: Class,
    until: Annotated[str, typer.Argument(metavar="[UNTIL]", help="The time at which the code stops working.")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="Stop the code, so that nobody can join by code.")] = False,
    as_json: Json = False,
) -> None:
    """Create a new code and link by which people join a class. Earlier ones stop working."""
    if bool(until) == stop:
        typer.echo("Say until when the code works, such as 2026-10-12T18:00, or --stop.", err=True)
        raise typer.Exit(WRONG_NAME)
    with site() as api:
        if stop:
            api.delete(f"classes/{number}/code")
        made = api.get(f"classes/{number}") if stop else api.put(f"classes/{number}/code", {"until": until})
    if as_json:
        showing.as_json(made)
    elif stop:
        typer.echo("Nobody can join by code any more. Members stay.")
    else:
        typer.echo(f"Until {made['join_code_until']}, people join with {made['join_code']}: {made['join_link']}")


@app.command("members")
def list_members(
    number: Class,
    label: Annotated[str, typer.Option(help="Only members with this label.")] = "",
    search: Annotated[str, typer.Option(help="Only members in whose names or addresses these words occur.")] = "",
    left: Annotated[
        bool, typer.Option("--left", help="List the people who have left or were removed instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the members of a class that you teach."""
    given = {"label": label or None, "search": search or None, "state": "left" if left else None}
    show_answer(lambda api: api.get(f"classes/{number}/members", **given), as_json, show_members)


def show_members(found: dict[str, Any]) -> None:
    rows = (
        (one["name"], one["email"], ", ".join(one["labels"]), one["role"], one["pseudonym"] or "no account yet")
        for one in found["members"]
    )
    showing.table("", ("Name", "Email", "Labels", "Role", "Account"), rows)
    if found["more"]:
        typer.echo("There are more. Search for a name, or choose a label.", err=True)


@app.command("add")
def add_members(
    number: Class,
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="Email addresses.")],
    label: Annotated[list[str] | None, typer.Option(help="A label for them; may be given twice.")] = None,
    role: Annotated[Role, typer.Option(help="Their role in the class.")] = Role.LEARNER,
    mail: Annotated[bool, typer.Option(help="Whether to tell them by mail.")] = True,
    as_json: Json = False,
) -> None:
    """Add people to a class by email address, and tell them by mail."""
    given = {"emails": emails, "labels": label or [], "role": role.value, "mail": mail}
    show_answer(lambda api: api.post(f"classes/{number}/members", given), as_json, show_added)


def show_added(made: dict[str, Any]) -> None:
    typer.echo(f"{len(made['members'])} in the class, {len(made['mailed'])} told by mail.")
    for email in made["not_mailed"]:
        typer.echo(f"The mail to {email} could not be sent.", err=True)


@app.command("remove")
def remove_member(number: Class, member: Member) -> None:
    """Remove a member from a class. Attempts and grades are kept, and return if the person comes back."""
    with site() as api:
        api.delete(f"classes/{number}/members/{quote(member, safe='')}")
    typer.echo(f"{member} is out of the class.")


@app.command("join")
def join_class(code: Annotated[str, typer.Argument(metavar="CODE", help="The code of the class.")]) -> None:
    """Join a class. From then on, the people who teach it see your attempts, grades and address."""
    with site() as api:
        found = api.post("classes/join", {"code": code})
    typer.echo(f"You are in class {found['id']}, {found['title']}, of the course {found['course']}.")


@app.command("leave")
def leave_class(number: Class) -> None:
    """Leave a class, unless it withholds grades. Attempts that counted for the class stay in its grades."""
    with site() as api:
        api.delete(f"classes/{number}/members/me")
    typer.echo("You have left the class.")
