"""Prints the versions of a course: what they change, their checks, and what comes next. Lines are never wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from challenges.texts import several
from gradus.cli import output as showing

STATES = {"waiting": "waits", "running": "runs", "passed": "passed", "failed": "FAILED"}


def moment(time: str) -> str:
    """A time of the API, to the minute."""
    return time[:16].replace("T", " ")


def pushed(version: dict[str, Any]) -> None:
    name = f"{version['course']} {version['version']}"
    if version["state"] != "draft":
        typer.echo(f"Nothing to push: {name} is published with this content.")
        return
    _difference(version["difference"])
    for one in version["challenges"]:
        waiting = sum(run["state"] in ("waiting", "running") for run in one["runs"])
        if one["lacking"] and waiting >= len(one["lacking"]):
            typer.echo(f"{one['id']} {one['version']}: {several(waiting, 'check')} to come on the site")
        else:
            _lacking(one)
    typer.echo(f"{name} is a draft now. Learners do not see it yet.")
    typer.echo("Next: `gradus course status -f` follows its checks, `gradus course publish` publishes it.")


def brief(version: dict[str, Any]) -> None:
    """Shows which version it is and what it changes, on standard error."""
    typer.echo(_headline(version), err=True)
    _difference(version["difference"], err=True)


def _headline(version: dict[str, Any]) -> str:
    return f"{version['course']} {version['version']}, {version['state']}, {pushed_how(version)}"


def pushed_how(version: dict[str, Any]) -> str:
    """Returns when and by whom a version was pushed, with its note, as a part of a sentence."""
    note = f" ({version['note']})" if version.get("note") else ""
    return f"pushed {moment(version['pushed_at'])} by {version['pushed_by'] or 'an import'}{note}"


def replaces(draft: dict[str, Any]) -> None:
    """Prints to standard error which draft a push has replaced."""
    told = f"This replaces the draft {draft['version']} with other content, {pushed_how(draft)}."
    typer.echo(f"{told} `gradus course versions` still lists it.", err=True)


def failed(challenge: dict[str, Any]) -> bool:
    return any(run["state"] == "failed" for run in challenge["runs"])


def _difference(difference: dict[str, Any], err: bool = False) -> None:
    for line in difference.get("lines") or ["Nothing differs from what is published."]:
        typer.echo(line, err=err)


def _lacking(challenge: dict[str, Any]) -> None:
    """Prints what a challenge lacks, apart from what its checks have said."""
    told = {run["said"] for run in challenge["runs"]}
    for line in challenge["lacking"]:
        if line not in told:
            typer.echo(f"{challenge['id']} {challenge['version']} is not verified: {line}")


def status(version: dict[str, Any]) -> None:
    typer.echo(_headline(version))
    _difference(version["difference"])
    rows = [
        (one["id"], one["version"], one["state"], "verified" if one["is_verified"] else "not verified", _checks(one))
        for one in version["challenges"]
    ]
    showing.table("", ("Challenge", "Version", "State", "Verified", "Checks"), rows)
    for one in version["challenges"]:
        for run in one["runs"]:
            if run["said"]:
                line = f"{one['id']}, {run['what']} {run['name']}: {STATES[run['state']]}: {run['said']}"
                typer.echo(line)
        _lacking(one)


def changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Prints each check whose state has changed."""
    seen = {key: run["state"] for key, run in _runs(before)}
    for (name, what, which), run in _runs(now):
        if seen.get((name, what, which)) != run["state"]:
            typer.echo(f"{name}, {what} {which}: {STATES[run['state']]}")


def _runs(version: dict[str, Any]) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    for one in version["challenges"]:
        for run in one["runs"]:
            yield (one["id"], run["what"], run["name"]), run


def _checks(challenge: dict[str, Any]) -> str:
    runs = challenge["runs"]
    return f"{sum(run['state'] == 'passed' for run in runs)} of {len(runs)} passed" if runs else ""


def published(version: dict[str, Any]) -> None:
    typer.echo(f"{version['course']} {version['version']} is published.")
    waiting = [one for one in version["challenges"] if one["state"] == "waiting"]
    for one in waiting:
        name = f"{one['id']} {one['version']}"
        if failed(one):
            told = (
                f"{name} does not go live, because a check of it has FAILED: correct it and push again. To publish it"
            )
            typer.echo(f"{told} as it is: `gradus course publish --unverified {one['id']}`")
        else:
            typer.echo(f"{name} goes live as soon as it is verified.")
    if waiting:
        typer.echo("`gradus course status -f` follows that.")
    for one in version["challenges"]:
        if one["state"] == "live" and not one["is_verified"]:
            typer.echo(f"{one['id']} {one['version']} is live, and not verified on this site. Its page says so.")
    for one in version["challenges"]:
        if one["scores_waiting"]:
            scores = several(one["scores_waiting"], "score")
            said = f"{scores} of an earlier version of {one['id']} can be graded again:"
            typer.echo(f"{said} `gradus challenge rejudge {one['slug']} --dry-run`")


def versions(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["version"],
            "live" if one["is_live"] else one["state"],
            moment(one["published_at"] or one["pushed_at"]),
            one["published_by"] or one["pushed_by"],
            one["digest"][:12],
            one["note"],
        )
        for one in found
    ]
    showing.table("", ("Version", "State", "When", "By", "Content", "Note"), rows)


def not_live(version: dict[str, Any]) -> None:
    """Says which challenges of the live course wait, because `live` in the list is said of the course's texts."""
    for one in version["challenges"]:
        if one["state"] == "waiting":
            told = "goes live as soon as it is verified; `gradus course status -f` follows that."
            typer.echo(f"Not live yet: {one['id']} {one['version']} {told}")


def rolled_back(version: dict[str, Any]) -> None:
    """`published`, and how an author goes on, whose folder still has the content before."""
    published(version)
    number = version["version"]
    typer.echo(f"Your own folder has the content from before. `gradus course pull` in it brings {number} there.")
    typer.echo(f"Go on from that, and give your next change a number above {number}.")


def plan(planned: dict[str, Any], err: bool) -> None:
    lines = [*planned["difference"]["lines"]]
    for one in planned["challenges"]:
        if one["scores"]:
            scores = f"{several(one['scores'], 'score')} of {one['live']}"
            stay = "stays on the board until it is" if one["scores"] == 1 else "stay on the board until they are"
            lines.append(f"{one['id']}: {scores} {stay} graded again")
    for line in lines:
        typer.echo(line, err=err)


def pulled(found: dict[str, Any]) -> None:
    files = several(len(found["written"]), "file")
    typer.echo(f"{found['folder']}: {files} written." if found["written"] else f"{found['folder']} is up to date.")
    for name in found["only_here"]:
        typer.echo(f"only in your folder: {name}")
