"""The command `gradus class roster`, which previews or applies a roster, or prints the present one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.classes import Class
from gradus.cli.client import REFUSED, WRONG_NAME
from gradus.cli.learners import Json, site

# The timeout of the call; long enough for a roster of ten thousand rows on a busy site.
SECONDS = 120.0

File = Annotated[
    str, typer.Argument(metavar="[FILE]", help="A CSV file, or an export of Canvas or Moodle; - is stdin.")
]
Apply = Annotated[bool, typer.Option("--apply", help="Apply the changes that are shown.")]
Domain = Annotated[str, typer.Option("--domain", help="The domain that turns logins into addresses, as example.org.")]
Sync = Annotated[bool, typer.Option("--sync", help="Remove learners who are not in the file. Their work is kept.")]


def roster(
    of_class: Class,
    file: File = "",
    apply: Apply = False,
    sync: Sync = False,
    domain: Domain = "",
    encoding: Annotated[
        str, typer.Option(help="The encoding of the file, such as windows-1250, where its bytes do not tell.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what a roster would change in a class, or apply just what is shown. Without a file, print the members.

    Exit status: 1 some rows are wrong or match nobody. All other rows are applied nevertheless. With --sync, such a
    row stops the whole roster: nothing is applied.
    """
    path, flags = f"classes/{of_class}/roster", {"sync": str(sync).lower(), "domain": domain, "encoding": encoding}
    with site() as api:
        if not file:
            typer.echo(api.content(path).decode(), nl=False)
            return
        data = _bytes(file)
        found: dict[str, Any] = api.post_octets(path, data, SECONDS, **flags)
        if not as_json:
            show(found)
        if apply:
            found = api.post_octets(path, data, SECONDS, **flags, dry_run="false", seen=found["seen"])
    if as_json:
        showing.as_json(found)
    else:
        typer.echo("Applied." if found["applied"] else "Nothing is changed yet. Apply it with --apply.")
    if found["counts"]["wrong"] or found["counts"]["not_found"]:
        raise typer.Exit(REFUSED)


def _bytes(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}.", err=True)
        raise typer.Exit(WRONG_NAME) from None


def show(found: dict[str, Any]) -> None:
    """Prints each row that is wrong or changes something, and the number of rows with each outcome."""
    rows = [one for one in found["rows"] if one["outcome"] != "unchanged"]
    if rows:
        showing.table("", ("Row", "Person", "Outcome", "What"), (_line(one) for one in rows))
    counts = [f"{_worded(name)} {count}" for name, count in found["counts"].items() if count]
    typer.echo(f"{', '.join(counts).capitalize()}.")
    if found["missing"]:
        typer.echo(f"Not in the file, and stay: {', '.join(found['missing'])}. --sync removes them.")
    if found["sync_blocked"]:
        typer.echo("Correct the rows that are wrong or not found first: until then --sync removes nobody.", err=True)


def _line(one: dict[str, Any]) -> tuple[Any, ...]:
    before, after, fault = one["before"], one["after"], one["fault"]
    what = "; ".join(f"{name}: {_text(before.get(name))} -> {_text(value)}" for name, value in after.items())
    if fault:
        column = f"{fault['column']}: " if fault["column"] else ""
        what = f"{column}{fault['cause']} {fault['cure']}"
    return one["row"], one["name"], _worded(one["outcome"]), what


def _worded(outcome: str) -> str:
    return {"back": "bring back"}.get(outcome, outcome.replace("_", " "))


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "nothing")
