"""The group `gradus board`: entries of leaderboards, and what people who decide about grades do about them.

CHALLENGE is the id of a challenge. LEARNER is a name on its leaderboards, or the number of an entry; a name of digits
alone is read as a number.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Annotated, Any

import typer

from challenges.texts import several
from gradus.cli import output as showing
from gradus.cli.authors import end_run, followed, open_run, show_changes, show_ended
from gradus.cli.client import WRONG_NAME, Api, Failure
from gradus.cli.learners import Json, Slug, show_answer, site

app = typer.Typer(no_args_is_help=True, help="Look at entries of leaderboards, and decide about them.")


class Show(StrEnum):
    ALL = "all"
    FLAGGED = "flagged"
    HIDDEN = "hidden"
    ANSWERED = "answered"
    ANNULLED = "annulled"


Learner = Annotated[
    str, typer.Argument(metavar="LEARNER", help="The name on leaderboards, or the number of the entry.")
]
Attempt = Annotated[uuid.UUID, typer.Argument(metavar="ATTEMPT", help="The id, as `gradus board show` lists it.")]
Needed = Annotated[str, typer.Option("--reason", help="The reason.")]
Optional = Annotated[str, typer.Option("--reason", help="The reason, for the record of what staff did.")]


@app.command("entries")
def entries(
    challenge: Slug,
    track: Annotated[str | None, typer.Option(help="The track; the first one if omitted.")] = None,
    show: Annotated[Show, typer.Option(help="Only entries about which this was decided.")] = Show.ALL,
    search: Annotated[str, typer.Option(help="Only entries whose names contain these letters.")] = "",
    page: Annotated[int, typer.Option(min=1)] = 1,
    as_json: Json = False,
) -> None:
    """List the entries of a challenge's leaderboard, also those without a rank."""
    given = {"track": track, "show": show.value, "search": search or None, "page": page}
    show_answer(lambda api: api.get(f"boards/{challenge}/entries", **given), as_json, show_entries)


def show_entries(found: dict[str, Any]) -> None:
    title = f"{found['challenge']} {found['version']}, {found['track']}: {several(found['count'], 'learner')}"
    columns = ("Number", "Learner", "Attempts", "Rank", "Score", "Decided")
    names = ("entry", "pseudonym", "attempts")
    rows = (
        (*(one[name] for name in names), one["rank"] or one["no_rank"], showing.number(one["score"]), _decided(one))
        for one in found["entries"]
    )
    showing.table(title, columns, rows)
    if found["pages"] > 1:
        typer.echo(f"Page {found['page']} of {found['pages']}; --page shows another.", err=True)


def _decided(one: dict[str, Any]) -> str:
    answered = one["hiding"] and one["hiding"]["answered_at"] and not one["hiding"]["read_at"]
    told = [
        "flagged" if one["flag"] else "",
        "hidden" if one["hiding"] else "",
        "the answer waits" if answered else "",
        f"{one['annulled']} annulled" if one["annulled"] else "",
    ]
    return ", ".join(filter(None, told))


@app.command("show")
def entry(
    challenge: Slug, learner: Learner, page: Annotated[int, typer.Option(min=1)] = 1, as_json: Json = False
) -> None:
    """Show how an entry came about: its attempts, and what people decided about it."""
    show_answer(lambda api: history_of(api, challenge, learner, page), as_json, show_entry)


def show_entry(found: dict[str, Any]) -> None:
    attempts = (
        (one["uuid"], one["kind"], one["status"], showing.number(one["score"]), one["season"], _counts(one))
        for one in found["attempts"]
    )
    title = f"{found['pseudonym']}, number {found['entry']}"
    showing.table(title, ("Attempt", "Kind", "State", "Score", "Season", ""), attempts)
    if found["pages"] > 1:
        typer.echo(f"Page {found['page']} of {found['pages']}; --page shows another.", err=True)
    if found["marks"]:
        marks = (
            (one["kind"], one["reason"], one["made_by"], one["answer"], "ended" if one["ended_at"] else "stands")
            for one in found["marks"]
        )
        showing.table("Decided", ("What", "Reason", "By", "Answer", ""), marks)
    for one in found["classes"]:
        typer.echo(f"Member {one['member']} of class {one['id']}, {one['title']}.")


def _counts(one: dict[str, Any]) -> str:
    runs = f"{several(len(one['reruns']), 'run')} to verify it" if one["reruns"] else ""
    return ", ".join(filter(None, ["annulled" if one["annulled"] else "", runs]))


@app.command("flag")
def flag(
    challenge: Slug,
    learner: Learner,
    reason: Optional = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take the flag away.")] = False,
    as_json: Json = False,
) -> None:
    """Flag an entry for staff, with a note in --reason. Its learner does not learn of it."""
    call, text = (_end, f"{learner} is flagged no more.") if clear else (_mark, f"{learner} is flagged.")
    show_answer(lambda api: call(api, challenge, learner, "flag", reason), as_json, lambda _mark: typer.echo(text))


@app.command("hide")
def hide(challenge: Slug, learner: Learner, reason: Needed, as_json: Json = False) -> None:
    """Hide an entry: it has no rank. Its learner reads the reason, and may answer once."""
    text = f"{learner} is hidden, and has a notice with the reason."
    show_answer(lambda api: _mark(api, challenge, learner, "hidden", reason), as_json, lambda _mark: typer.echo(text))


@app.command("restore")
def restore(challenge: Slug, learner: Learner, reason: Optional = "", as_json: Json = False) -> None:
    """Show a hidden entry again."""
    text = f"{learner} is shown again, and has a notice."
    show_answer(lambda api: _end(api, challenge, learner, "hidden", reason), as_json, lambda _mark: typer.echo(text))


@app.command("keep")
def keep(challenge: Slug, learner: Learner, as_json: Json = False) -> None:
    """Note that you have read the answer of a hidden learner, and that the entry stays hidden."""
    text = f"Noted. {learner} stays hidden, and has a notice."
    show_answer(lambda api: _keep(api, challenge, learner), as_json, lambda _mark: typer.echo(text))


@app.command("annul")
def annul(
    challenge: Slug,
    attempt: Attempt,
    reason: Optional = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let the attempt count again.")] = False,
    as_json: Json = False,
) -> None:
    """Let an attempt count nowhere. Its learner reads the reason, which --undo need not have."""
    address = f"boards/{challenge}/attempts/{attempt}"
    with site() as api:
        if undo:
            stands = [one["id"] for one in api.get(address)["annulments"] if not one["ended_at"]]
            if not stands:
                raise Failure("This attempt is not annulled.")
            done = api.post(f"{address}/count", {"annulment": stands[0], "reason": reason})
        else:
            done = api.post(f"{address}/annul", {"reason": reason})
    said = "The attempt counts again." if undo else "The attempt is annulled."
    showing.say(done, as_json, lambda _done: typer.echo(f"{said} Its learner has a notice."))


@app.command("season")
def season(
    challenge: Slug,
    title: Annotated[str, typer.Argument(metavar="[TITLE]", help="The title of the season that begins.")] = "",
    ends: Annotated[
        int | None, typer.Option("--ends", min=0, help="The number of the season that runs, and ends now.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the seasons of a challenge's leaderboards, or begin another one, with no entries. It cannot be undone."""
    if bool(title) != (ends is not None):
        typer.echo("To begin a season, write its title, and with --ends the number of the one that runs.", err=True)
        raise typer.Exit(WRONG_NAME)
    with site() as api:
        if title:
            api.post(f"boards/{challenge}/seasons", {"title": title, "ends": ends})
        found = {"seasons": api.get(f"boards/{challenge}/entries")["seasons"]}
    showing.say(found, as_json, show_seasons)


def show_seasons(found: dict[str, Any]) -> None:
    rows = ((one["number"], one["title"], one["began_at"], one["ended_at"] or "runs") for one in found["seasons"])
    showing.table("", ("Season", "Title", "Began", "Ended"), rows)


@app.command("dates")
def dates(
    challenge: Slug,
    close: Annotated[
        str | None, typer.Option("--close", metavar="TIME", help="Attempts after that have no rank.")
    ] = None,
    reveal: Annotated[str | None, typer.Option("--reveal", metavar="TIME", help="Final ranks are shown then.")] = None,
    as_json: Json = False,
) -> None:
    """Show, or set, when all leaderboards of the challenge's course close and when they show their final ranks.

    TIME is such as 2027-02-01T23:59, in the time zone of the course, or "never".
    """
    chosen = {name: given for name, given in (("frozen_at", close), ("reveal_at", reveal)) if given is not None}
    with site() as api:
        found = api.get(f"boards/{challenge}/dates")
        if chosen:
            times = {name: None if given == "never" else given for name, given in chosen.items()}
            found = api.put(f"boards/{challenge}/dates", found | times)
    showing.say(found, as_json, show_dates)


def show_dates(found: dict[str, Any]) -> None:
    typer.echo(f"Leaderboards close: {found['frozen_at'] or 'never'}")
    if found["frozen_at"]:
        typer.echo(f"Final ranks are shown: {found['reveal_at'] or 'as soon as they have closed'}")


@app.command("verify")
def verify(
    challenge: Slug,
    attempt: Attempt,
    others: Annotated[int, typer.Option("--others", min=0, help="Other seeds beside its own, where it trains.")] = 0,
    results: Annotated[bool, typer.Option("--results", help="Only show the results so far.")] = False,
    as_json: Json = False,
) -> None:
    """Run an attempt again to verify its score, behind learners' work, and show the results. They never count."""
    address = f"boards/{challenge}/attempts/{attempt}"
    given = {"others": others}
    show_answer(lambda api: api.get(address) if results else api.post(f"{address}/reruns", given), as_json, show_reruns)


def show_reruns(found: dict[str, Any]) -> None:
    rows = (
        (one["seed"], f"{one['before']:.4f}", *_outcome(one), one["engine"], one["asked_by"]) for one in found["reruns"]
    )
    showing.table("", ("Seed", "Attempt", "This run", "Difference", "Engine", "Asked by"), rows)


def _outcome(one: dict[str, Any]) -> tuple[str, str]:
    if one["score"] is None:
        return (one["error"] or "waits or runs", "")
    return (f"{one['score']:.4f}", f"{one['difference']:+.4f}{', more than a step' if one['differs'] else ''}")


@app.command("regrade")
def regrade(
    challenge: Slug,
    learner: Learner,
    reason: Optional = "",
    attempt: Annotated[
        list[uuid.UUID] | None, typer.Option("--attempt", help="Only this attempt; may be given several times.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Make the new grades of the open run count.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Discard the open run. No grade changes.")] = False,
    lower: Annotated[
        bool, typer.Option("--lower", help="With --approve: also lower grades. You are responsible for that.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until all attempts are graded.")] = True,
    as_json: Json = False,
) -> None:
    """Grade a learner's attempts again without changing grades, see what would change, then approve or discard that."""
    if approve and discard:
        raise typer.BadParameter("Choose one of --approve and --discard.")
    with site() as api:
        number = history_of(api, challenge, learner)["entry"]
        if approve or discard:
            found = open_run(api, challenge)
            if found is None or found["entry"] != number:
                raise Failure(f"No shadow run of {learner}'s attempts is open. Start one with --reason.")
            showing.say(end_run(api, found, approve=approve, lower=lower), as_json, show_ended)
            return
        given = {"reason": reason, "attempts": [str(one) for one in attempt] if attempt else None}
        made = followed(api, api.post(f"boards/{challenge}/entries/{number}/regrades", given), wait)
    showing.say(made, as_json, show_changes)


def history_of(api: Api, challenge: str, learner: str, page: int = 1) -> dict[str, Any]:
    """Returns the entry that a learner's name or number names."""
    found: dict[str, Any]
    if learner.isascii() and learner.isdecimal():
        found = api.get(f"boards/{challenge}/entries/{learner}", page=page)
    else:
        found = api.get(f"boards/{challenge}/entry", pseudonym=learner, page=page)
    return found


def _mark(api: Api, challenge: str, learner: str, kind: str, reason: str) -> Any:
    number = history_of(api, challenge, learner)["entry"]
    return api.post(f"boards/{challenge}/entries/{number}/marks", {"kind": kind, "reason": reason})


def _end(api: Api, challenge: str, learner: str, kind: str, reason: str) -> Any:
    return api.post(f"boards/{challenge}/marks/{_standing(api, challenge, learner, kind)}/end", {"reason": reason})


def _keep(api: Api, challenge: str, learner: str) -> Any:
    return api.post(f"boards/{challenge}/marks/{_standing(api, challenge, learner, 'hidden')}/keep")


def _standing(api: Api, challenge: str, learner: str, kind: str) -> int:
    """Returns the number of the mark of this kind that stands."""
    for one in history_of(api, challenge, learner)["marks"]:
        if one["kind"] == kind and not one["ended_at"]:
            return int(one["id"])
    raise Failure(f"{learner} is not {'flagged' if kind == 'flag' else 'hidden'}.")
