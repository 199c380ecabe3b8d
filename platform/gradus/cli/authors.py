"""The commands `gradus challenge ...`. They run on the author's own machine, but `rejudge`, which asks the site."""

from __future__ import annotations

import json as jsonlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.bundle import ChallengeBundle
from challenges.compare import Difference, compare, next_version, version_number
from challenges.distribution import install
from challenges.lint.run import MARKERS, Linted, Similarity, inspect
from challenges.problems import ANY_CODE, Problem
from challenges.reading import BundleErrors, read_challenge
from gradus.cli import output as showing
from gradus.cli import rows
from gradus.cli.client import Api, Failure
from gradus.cli.learners import Slug, site
from gradus.cli.plugins import MISSING, ChallengeGroup, MissingExtra, load

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
SAME, DIFFER, UNREADABLE = 0, 1, 2
HELP = "Write challenges and keep them fair: lint, diff, try, test, prove, rejudge."
app = typer.Typer(cls=ChallengeGroup, no_args_is_help=True, help=HELP)
app.command()(rows.rows)
app.command()(rows.dedupe)


@app.command()
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
            show_changes(followed(api, _started(api, challenge, note), wait))
            return
        found = open_run(api, challenge)
        if found is None:
            raise Failure(f"No shadow run of {challenge} is open. Start one with --dry-run.")
        show_ended(end_run(api, found, approve=approve, lower=lower))


def end_run(api: Api, found: dict[str, Any], *, approve: bool, lower: bool) -> dict[str, Any]:
    """Approves or discards an open shadow run. Returns how many new grades count, and how many do not, by reason."""
    if not approve:
        api.post(f"regrades/{found['id']}/discard")
        return {"done": {}, "left_out": {}}
    done = api.post(f"regrades/{found['id']}/approve", {"lower": lower})["done"]
    return {"done": done, "left_out": found["left_out"]}


def show_ended(ended: dict[str, Any]) -> None:
    if not ended["done"]:
        typer.echo("Discarded. No grade has changed.")
    for name, count in sorted(ended["done"].items()):
        typer.echo(f"{count:6} {'adopted' if name == 'adopted' else f'kept: {_reason(name)}'}")
    for name, count in sorted(ended["left_out"].items()):
        typer.echo(f"{count:6} not graded again: {_reason(name)}")


def _reason(name: str) -> str:
    return REASONS.get(name, name.replace("_", " "))


def open_run(api: Api, challenge: str) -> dict[str, Any] | None:
    """Returns the open shadow run of a challenge, or None."""
    runs: list[dict[str, Any]] = api.get("regrades")
    return next((run for run in runs if run["challenge"] == challenge and not run["outcome"]), None)


def _started(api: Api, challenge: str, note: str) -> dict[str, Any]:
    """Returns the open shadow run of a challenge, or starts one."""
    found = open_run(api, challenge)
    if found and found.get("is_outdated"):
        by = f"The open shadow run of {challenge} grades by version {found['version']}, which is not live any more."
        raise Failure(f"{by} Discard it with --discard, and start another with --dry-run.")
    found = found or api.post(f"challenges/{challenge}/regrades", {"note": note})
    whole: dict[str, Any] = api.get(f"regrades/{found['id']}")
    return whole


def followed(api: Api, found: dict[str, Any], wait: bool) -> dict[str, Any]:
    """Waits until all answers of a shadow run are graded, if `wait` says so. Returns the run."""
    while wait and found["waiting"]:
        typer.echo(f"{len(found['changes']) - found['waiting']} of {len(found['changes'])} graded", err=True)
        time.sleep(POLL_SECONDS)
        found = api.get(f"regrades/{found['id']}")
    return found


def show_changes(found: dict[str, Any]) -> None:
    """Prints the changes of a shadow run: old marks by new marks, and each score that would change."""
    only = f", only attempts of {found['learner']}" if found.get("learner") else ""
    typer.echo(f"graded by version {found['version']}{only}")
    if found.get("next_version"):
        later = f"Version {found['next_version']} is published and not live yet, because it is not verified."
        typer.echo(f"{later} `gradus course status -f` follows that; `--discard` this run, and start again then.")
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


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The folder of a challenge, a lesson or a course.")],
    new: Annotated[Path, typer.Argument(help="The same folder with the new content.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, by the challenge's id.")] = False,
) -> None:
    """Compare two contents: print the rows that were added, removed or changed, by file and id.

    Exit status: 0 no differences, 1 differences, 2 a folder cannot be read.
    """
    before, now = _challenges_in(old), _challenges_in(new)
    found = {name: compare(before[name], now[name]) for name in sorted(before.keys() & now.keys())}
    differ = {name: one for name, one in found.items() if not one.is_empty}
    only = {"added": sorted(now.keys() - before.keys()), "removed": sorted(before.keys() - now.keys())}
    if json:
        changed = {name: {**one.as_dict(), "raise_version_to": _version_needed(one)} for name, one in differ.items()}
        typer.echo(jsonlib.dumps({"changed": changed, **only}, indent=2))
    else:
        _show_differences(differ, only)
    raise typer.Exit(DIFFER if differ or any(only.values()) else SAME)


def _challenges_in(folder: Path) -> dict[str, ChallengeBundle]:
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


def _show_differences(differ: dict[str, Difference], only: dict[str, list[str]]) -> None:
    for name, one in differ.items():
        typer.echo(f"{name}: version {one.old} -> {one.new}")
        for line in one.lines():
            typer.echo(f"  {line}")
        if (wanted := _version_needed(one)) is not None:
            typer.echo(f"  raise `version:` in challenge.yaml to {wanted} or more")
    for what, names in only.items():
        for name in names:
            typer.echo(f"{name}: {what}")
    if not differ and not any(only.values()):
        typer.echo("nothing differs")


def _version_needed(one: Difference) -> Any:
    """Returns the lowest version that a site would accept for the new content, or None if its own is high enough."""
    return next_version(one.old) if one.is_graded and version_number(one.new) <= version_number(one.old) else None


@app.callback(help=HELP)
def challenge() -> None:
    """The group of these commands."""


@app.command()
def lint(
    path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a challenge.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Check a course, a lesson or a challenge. Print each problem as file:line: what is wrong: how to fix it.

    A line that begins with the word advice says what may be better otherwise, and changes no exit status.

    Exit status: 0 no problems, 1 problems, 3 no problems, but not everything could be checked on this machine.
    """
    folder = path.parent if path.name in MARKERS else path
    found = inspected(folder)
    if json:
        listed = {name: [_as_json(folder, one) for one in getattr(found, name)] for name in ("problems", "advice")}
        typer.echo(jsonlib.dumps({**listed, "not_checked": found.not_checked}, indent=2, ensure_ascii=False))
    else:
        _show(folder, found)
    raise typer.Exit(1 if found.problems else MISSING if found.not_checked else 0)


def _show(folder: Path, found: Linted) -> None:
    for problem in found.problems:
        typer.echo(str(replace(problem, file=str(folder / problem.file))))
    for unchecked in found.not_checked:
        typer.echo(f"not checked: {unchecked}")
    if not found.problems and not found.not_checked:
        typer.echo(f"{folder}: no problems found")
    for advice in found.advice:
        typer.echo(f"advice: {replace(advice, file=str(folder / advice.file))}")


def _as_json(folder: Path, problem: Problem) -> dict[str, Any]:
    return {**vars(problem), "file": str(folder / problem.file), "code": problem.code or ANY_CODE}


def inspected(folder: Path) -> Linted:
    """Returns all that lint finds in a folder. Similarity is among what was not checked if it cannot be here."""
    try:
        similarity: Similarity = load("challenge.similarity")
        return inspect(folder, similarity)
    except MissingExtra as error:
        why = str(error)
    except ImportError as error:
        why = f"`{error.name}` is missing; it comes with: {install('worker')}"
    found = inspect(folder)
    return replace(found, not_checked=[f"similarity ({why})", *found.not_checked])
