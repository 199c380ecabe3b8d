"""The command `gradus challenge rejudge`, which starts, shows, approves or discards a shadow run on the site."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.client import Api, Failure
from gradus.cli.learners import Slug, site

POLL_SECONDS = 2.0
REASONS = {
    "decided": "a person has decided the grade",
    "lowers": "the new grade is lower, which needs --lower",
    "in_doubt": "the new grade is only provisional",
    "appealed": "an appeal is open",
    "own_answer": "it is your own answer",
    "superseded": "it was graded again in the meantime",
    "not_graded": "it could not be graded again",
    "open": "it is being graded",
}


def rejudge(
    challenge: Slug,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Start a shadow run, or show the open one.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Make the new grades of the open run count.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Discard the open run. No grade changes.")] = False,
    lower: Annotated[
        bool, typer.Option("--lower", help="With --approve: also lower grades. You are responsible for that.")
    ] = False,
    note: Annotated[str, typer.Option(help="The reason for the run, which is stored with it.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until all answers are graded.")] = True,
) -> None:
    """Grade all answers again without changing their grades, see what would change, then approve or discard that."""
    if dry_run + approve + discard != 1:
        raise typer.BadParameter("Choose one of --dry-run, --approve and --discard.")
    with site() as api:
        if dry_run:
            show(followed(api, start(api, challenge, note), wait))
            return
        found = open_run(api, challenge)
        if found is None:
            raise Failure(f"No shadow run of {challenge} is open. Start one with --dry-run.")
        if discard:
            api.post(f"regrades/{found['id']}/discard")
            typer.echo("Discarded. No grade has changed.")
            return
        done = api.post(f"regrades/{found['id']}/approve", {"lower": lower})["done"]
        for name, count in sorted(done.items()):
            typer.echo(f"{count:6} {'adopted' if name == 'adopted' else f'kept: {_reason(name)}'}")
        for name, count in sorted(found["left_out"].items()):
            typer.echo(f"{count:6} not graded again: {_reason(name)}")


def _reason(name: str) -> str:
    return REASONS.get(name, name.replace("_", " "))


def open_run(api: Api, challenge: str) -> dict[str, Any] | None:
    """Returns the open shadow run of a challenge, or None."""
    runs: list[dict[str, Any]] = api.get("regrades")
    return next((run for run in runs if run["challenge"] == challenge and not run["outcome"]), None)


def start(api: Api, challenge: str, note: str) -> dict[str, Any]:
    """Returns the open shadow run of a challenge, or starts one."""
    found = open_run(api, challenge) or api.post(f"challenges/{challenge}/regrades", {"note": note})
    whole: dict[str, Any] = api.get(f"regrades/{found['id']}")
    return whole


def followed(api: Api, found: dict[str, Any], wait: bool) -> dict[str, Any]:
    """Waits until all answers of a shadow run are graded, if `wait` says so. Returns the run."""
    while wait and found["waiting"]:
        typer.echo(f"{len(found['changes']) - found['waiting']} of {len(found['changes'])} graded", err=True)
        time.sleep(POLL_SECONDS)
        found = api.get(f"regrades/{found['id']}")
    return found


def show(found: dict[str, Any]) -> None:
    """Prints the changes of a shadow run: old marks by new marks, and each score that would change."""
    kinds = [f"{count} {kind.replace('_', ' ')}" for kind, count in found["kinds"].items() if count]
    typer.echo(f"{', '.join(kinds)}; passes gained {found['passes_gained']}, lost {found['passes_lost']}")
    marks = found["marks"]
    rows = [(old, *(row[new] for new in marks)) for old, row in marks.items()]
    if any(count for _, *counts in rows for count in counts):
        showing.table("Marks, old by new", ("Old", *marks), rows)
    changed = [one for one in found["changes"] if one["new"] not in (None, one["old"])]
    if changed:
        lines = [
            (one["submission"], showing.number(one["old"]), showing.number(one["new"]), one["change"])
            for one in changed
        ]
        showing.table("Scores", ("Submission", "Old", "New", "Change"), lines)
