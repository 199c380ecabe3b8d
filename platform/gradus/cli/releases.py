"""The command `gradus class release`, which shows and sets when grades are released, and releases them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.class_dates import Challenge
from gradus.cli.classes import Class
from gradus.cli.client import WRONG_NAME, Api
from gradus.cli.learners import Json, site

WHEN = "`now`, `hand`, or a time such as 2026-10-05T09:00."
WORDS = {"now": "at once", "hand": "by hand"}


class Part(StrEnum):
    SCORE = "score"
    DETAILS = "details"


def release(
    of_class: Class,
    challenge: Challenge = "",
    now: Annotated[bool, typer.Option("--now", help="Release the grades.")] = False,
    part: Annotated[Part | None, typer.Option("--part", help="With --now: release only this.")] = None,
    score: Annotated[str, typer.Option("--score", help=f"When the score is released: {WHEN}")] = "",
    details: Annotated[str, typer.Option("--details", help=f"When the details are released: {WHEN}")] = "",
    as_class: Annotated[
        bool,
        typer.Option("--as-class", help="Remove the rule of the challenge, so that the rule of the class applies."),
    ] = False,
    withhold_later: Annotated[
        bool, typer.Option("--withhold-later", help="End a release by hand, so that later attempts are withheld again.")
    ] = False,
    provisional: Annotated[
        bool | None,
        typer.Option(
            "--provisional/--only-final",
            help="With --now, --score or --details: whether provisional grades are released too. Otherwise each of "
            "them is released when it is final.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show when the grades of a class are released, set that, or release grades.

    Without --challenge, it is about all challenges of the class. What learners have seen stays visible to them.
    """
    if sum((now, bool(score or details), as_class, withhold_later)) > 1 or (part and not now):
        typer.echo("Choose one of --now, --score or --details, --as-class, and --withhold-later.", err=True)
        raise typer.Exit(WRONG_NAME)
    if as_class and not challenge:
        typer.echo("Say with --challenge which challenge follows the rule of the class.", err=True)
        raise typer.Exit(WRONG_NAME)
    if provisional is not None and not (now or score or details):
        typer.echo("Choose --now, --score or --details with --provisional or --only-final.", err=True)
        raise typer.Exit(WRONG_NAME)
    path, place = f"classes/{of_class}/releases", {"challenge": challenge or None}
    with site() as api:
        if now:
            given = {**place, "parts": [part.value] if part else list(Part), "provisional": bool(provisional)}
            found = api.post(path, given)
        elif score or details:
            found = _set(api, of_class, challenge, {"score": score, "details": details}, provisional)
        elif as_class:
            found = api.delete(f"classes/{of_class}/release-rule", **place)
        elif withhold_later:
            found = api.delete(path, **place)
        else:
            found = api.get(path)
    showing.say(found, as_json, show)


def _set(api: Api, of_class: int, challenge: str, given: dict[str, str], provisional: bool | None) -> Any:
    """Sets the rule of a challenge or of the class. A part that no option names keeps its setting."""
    found = api.get(f"classes/{of_class}/releases")
    rules = {one["challenge"]: one for one in found["challenges"]}
    # A challenge that the site does not list has no rule yet, or the site refuses it.
    rule = rules.get(challenge, found["of_class"])
    body = {"challenge": challenge or None, "seen": rule["seen"], "provisional": provisional}
    for part, when in given.items():
        is_time = when not in ("", *WORDS)
        body[part] = ("date" if is_time else when) or rule[part]
        body[f"{part}_at"] = when if is_time else None if when else rule[f"{part}_at"]
    return api.put(f"classes/{of_class}/release-rule", body)


def show(found: dict[str, Any]) -> None:
    """Prints the rules, how many attempts are withheld at each challenge, and how many of them are provisional."""
    if found["attempts"]:
        typer.echo(f"Attempts that changed: {found['attempts']}.")
    rule = found["of_class"]
    counts = ("withheld", "details_withheld", "withheld_provisional", "ungraded")
    rows = [("all challenges", *_when(rule), "", "", "", "")]
    rows += [(one["challenge"], *_when(one), *(one[count] for count in counts)) for one in found["challenges"]]
    columns = ("For", "Score", "Details", "Shown now", "Withheld", "Without details", "Provisional", "Not final yet")
    showing.table(f"Times in UTC, of a class in {found['timezone']}", columns, rows)


def _when(rule: dict[str, Any]) -> tuple[str, str, str]:
    if rule.get("follows_class"):
        return "as the class", "as the class", _shown(rule)
    score, details = (rule[f"{part}_at"] or WORDS[rule[part]] for part in ("score", "details"))
    return score, details, _shown(rule)


def _shown(rule: dict[str, Any]) -> str:
    return ", ".join(rule["shown"]) or "nothing"
