"""The commands for receipts: `gradus receipt` downloads the receipt of a score, and `gradus verify` checks one."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from gradus.cli.client import TIMEOUT, UNREACHABLE
from gradus.cli.learners import site
from gradus.receipts.signing import WELL_KNOWN, NotValid, verified

app = typer.Typer()


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
    document = _json(file)
    named = _site(document)
    try:
        facts = verified(document, _listed(_json(keys) if keys else _fetched(named)))
    except NotValid as problem:
        typer.echo(f"Not valid: {problem}", err=True)
        raise typer.Exit(1) from None
    where = "one of the keys in the file" if keys else named
    typer.echo(f"Valid: signed by {where}. Make sure that this is the site that you trust.")
    for name, value in facts.items():
        typer.echo(f"  {name.replace('_', ' ')}: {'none' if value is None else value}")


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON.") from error


def _site(document: Any) -> str:
    match document:
        case {"receipt": {"site": str(site)}}:
            return site
    return ""


def _listed(data: Any) -> list[Any]:
    match data:
        case {"keys": list(keys)}:
            return keys
    raise NotValid("The site's public keys are not in the form of a JSON Web Key Set.")


def _fetched(named: str) -> Any:
    """The public keys of the site. Only `https` is taken, or the machine itself."""
    if not _is_safe(named):
        raise NotValid("It names no site with a safe address. Save the keys of a site that you trust, and use --keys.")
    try:
        return httpx.get(f"{named}{WELL_KNOWN}", timeout=TIMEOUT).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        typer.echo(f"{named} does not answer with its public keys. Save them once, and use --keys.", err=True)
        raise typer.Exit(UNREACHABLE) from None


def _is_safe(named: str) -> bool:
    try:
        address = httpx.URL(named)
    except httpx.InvalidURL:
        return False
    return address.host in ("localhost", "127.0.0.1", "::1") or (address.scheme == "https" and address.host != "")
