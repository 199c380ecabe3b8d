"""The command `gradus challenge diff`, which compares two contents of a challenge, as an import does."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.bundle import ChallengeBundle
from challenges.compare import Difference, compare, next_version, version_number
from challenges.reading import BundleErrors, read_challenge

SAME, DIFFER, UNREADABLE = 0, 1, 2


def diff(
    old: Annotated[Path, typer.Argument(help="The folder of a challenge, a lesson or a course.")],
    new: Annotated[Path, typer.Argument(help="The same folder with the new content.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, by the challenge's id.")] = False,
) -> None:
    """Compare two contents: print the rows that were added, removed or changed, by file and id.

    Exit status: 0 no differences, 1 differences, 2 a folder cannot be read.
    """
    before, now = _read(old), _read(new)
    found = {name: compare(before[name], now[name]) for name in sorted(before.keys() & now.keys())}
    differ = {name: one for name, one in found.items() if not one.is_empty}
    only = {"added": sorted(now.keys() - before.keys()), "removed": sorted(before.keys() - now.keys())}
    if json:
        changed = {name: {**one.as_dict(), "raise_version_to": _wanted(one)} for name, one in differ.items()}
        typer.echo(jsonlib.dumps({"changed": changed, **only}, indent=2))
    else:
        _show(differ, only)
    raise typer.Exit(DIFFER if differ or any(only.values()) else SAME)


def _read(folder: Path) -> dict[str, ChallengeBundle]:
    """Returns the challenges in a folder, by id."""
    folders = sorted(file.parent for file in folder.rglob("challenge.yaml"))
    if not folders:
        typer.echo(
            f"{folder}: there is no challenge.yaml in it: give the folder of a challenge, lesson or course", err=True
        )
        raise typer.Exit(UNREADABLE)
    try:
        return {bundle.challenge.id: bundle for bundle in map(read_challenge, folders)}
    except BundleErrors as errors:
        typer.echo("\n".join(str(problem) for problem in errors.problems), err=True)
        typer.echo(f"{folder}: cannot be compared; `gradus challenge lint` prints all its problems", err=True)
        raise typer.Exit(UNREADABLE) from None


def _show(differ: dict[str, Difference], only: dict[str, list[str]]) -> None:
    for name, one in differ.items():
        typer.echo(f"{name}: version {one.old} -> {one.new}")
        for line in one.lines():
            typer.echo(f"  {line}")
        if (wanted := _wanted(one)) is not None:
            typer.echo(f"  raise `version:` in challenge.yaml to {wanted} or more")
    for what, names in only.items():
        for name in names:
            typer.echo(f"{name}: {what}")
    if not differ and not any(only.values()):
        typer.echo("nothing differs")


def _wanted(one: Difference) -> Any:
    """Returns the lowest version that a site would accept for the new content, or None if its own is high enough."""
    return next_version(one.old) if one.is_graded and version_number(one.new) <= version_number(one.old) else None
