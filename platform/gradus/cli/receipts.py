"""The commands for receipts: `gradus receipt` downloads the receipt of a score, and `gradus verify` checks one."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from gradus.cli.client import TIMEOUT, UNREACHABLE
from gradus.cli.learners import site
from gradus.receipts.signing import WELL_KNOWN, NotValid, is_provisional, parsed, verified

app = typer.Typer()
# The address of a site and nothing more. What stands before an @ or after a # would look like the name of a site; and
# only over https, or on this machine, does the answer come from the site itself.
SITE = re.compile(r"https://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")


@app.command()
def receipt(
    identifier: Annotated[
        uuid.UUID, typer.Argument(metavar="SUBMISSION", help="The id, as `gradus submissions` lists it.")
    ],
) -> None:
    """Print the signed receipt of a score as JSON. Put it into a file, for example with `> receipt.json`."""
    with site() as api:
        typer.echo(json.dumps(api.get(f"submissions/{identifier}/receipt"), indent=2, ensure_ascii=False))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The receipt.", exists=True, dir_okay=False)],
    keys: Annotated[
        Path | None,
        typer.Option(
            help=f"The site's public keys, saved from its {WELL_KNOWN}. Without it, the site that the receipt names "
            "is asked for them.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Check that a receipt is as its site has signed it, and show what it states. Exits with 1 if it is not valid."""
    try:
        document = _json(file)
        named = "" if keys else _site(document)
        facts = verified(document, _listed(_json(keys) if keys else _fetched(named)))
    except NotValid as problem:
        typer.echo(f"Not valid: {problem}", err=True)
        raise typer.Exit(1) from None
    where = "one of the keys in the file" if keys else named
    typer.echo(f"Valid: signed by {where}. Make sure that this is the site that you trust.")
    if facts.get("annulled"):
        typer.echo("The attempt was annulled: a person who runs the course has decided that it does not count.")
    if is_provisional(facts):
        typer.echo("The grade is provisional: nobody has settled it yet, and it can change.")
    for name, value in facts.items():
        typer.echo(f"  {_on_one_line(name.replace('_', ' '))}: {_on_one_line(value)}")


def _json(file: Path) -> Any:
    try:
        return parsed(file.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON that can be read.") from error


def _on_one_line(value: str | int | None) -> str:
    """The value as people read it.

    Line breaks, and characters that steer a terminal, are escaped: they could imitate what the command says.
    """
    text = "none" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _site(document: Any) -> str:
    """The address that the receipt names, where it is the address of a site and nothing more."""
    match document:
        case {"receipt": {"site": str(site)}} if SITE.fullmatch(site.lower()):
            return site.lower()
    raise NotValid(
        "It names no site with a safe address, such as https://example.org. Save the keys of a site that you trust, "
        "and use --keys."
    )


def _listed(data: Any) -> list[Any]:
    match data:
        case {"keys": list(keys)}:
            return keys
    raise NotValid("The site's public keys are not in the form of a JSON Web Key Set.")


def _fetched(named: str) -> Any:
    """The public keys of the site."""
    try:
        return parsed(httpx.get(f"{named}{WELL_KNOWN}", timeout=TIMEOUT).raise_for_status().content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        typer.echo(f"{named} does not answer with its public keys. Save them once, and use --keys.", err=True)
        raise typer.Exit(UNREACHABLE) from None
