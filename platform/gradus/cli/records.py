"""The commands about what a learner has done and been told, and about choices between answers."""

from __future__ import annotations

import json as jsonlib
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.texts import several
from gradus.cli import output as showing
from gradus.cli import payload_files as sending
from gradus.cli.client import Api, worded
from gradus.cli.learners import Json, Slug, path_of, show_answer, site

app = typer.Typer()
Work = Annotated[uuid.UUID, typer.Argument(metavar="UUID", help="An attempt or a run, as `gradus history` lists it.")]


@app.command()
def hint(challenge: Slug) -> None:
    """Take the next hint of a challenge, and show all that you have taken. It costs no attempt."""
    with site() as api:
        found = api.post(f"challenges/{challenge}/hints")
        for number, text in enumerate(found["hints"], 1):
            showing.out.print(f"Hint {number}: {text}", markup=False)


@app.command()
def solution(challenge: Slug) -> None:
    """Show the author's solution of a challenge that you have passed."""
    with site() as api:
        showing.markdown(api.get(f"challenges/{challenge}/solution")["solution"])


@app.command()
def cancel(identifier: Work) -> None:
    """Cancel an attempt or a run that is not finished, and show whether an attempt is given back."""
    with site() as api:
        ended = api.post(f"{path_of(api, identifier)}/cancel")
        showing.out.print(ended["error"]["message"] if ended["error"] else showing.state(ended), markup=False)
        if "attempts_left" in ended:
            showing.out.print(f"{several(ended['attempts_left'], 'attempt')} left today.", markup=False)


@app.command()
def history(challenge: Slug, json: Json = False) -> None:
    """List your attempts and runs on public samples of a challenge, newest first."""
    show_answer(lambda api: api.get(f"challenges/{challenge}/history"), json, _history)


def _history(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["uuid"],
            "run" if one["is_run"] else "attempt",
            one["name"],
            one["kind"],
            showing.state(one),
            showing.number(one["score"]),
            one["created_at"][:16].replace("T", " "),
        )
        for one in found
    ]
    showing.table("History", ("Id", "What", "Name", "Kind", "State", "Score", "When (UTC)"), rows)


@app.command()
def name(
    identifier: Annotated[uuid.UUID, typer.Argument(metavar="RUN", help="A run, as `gradus history` lists it.")],
    name: Annotated[str, typer.Argument(help="Its new name; an empty one takes the name away.")],
) -> None:
    """Name a run, so that you find it again."""
    with site() as api:
        api.put(f"runs/{identifier}/name", {"name": name})
        showing.out.print(f"Named: {name}" if name.strip() else "The run has no name now.", markup=False)


@app.command()
def compare(challenge: Slug, before: Work, after: Work, json: Json = False) -> None:
    """Show only what differs between two of your attempts or runs."""
    given = {"before": str(before), "after": str(after)}
    show_answer(lambda api: api.get(f"challenges/{challenge}/comparison", **given), json, _comparison)


def _comparison(found: dict[str, Any]) -> None:
    for change in found["changes"]:
        showing.table(change["part"], ("", ""), [("before", change["before"]), ("after", change["after"])])
    rows = [(one["id"], one["change"], one["before"], one["after"]) for one in found["samples"]]
    if rows:
        showing.table("Public samples", ("Sample", "Change", "Before", "After"), rows)
    if not (found["changes"] or rows):
        showing.out.print("Nothing differs.", markup=False)


@app.command()
def notices(
    unseen: Annotated[bool, typer.Option("--unseen", help="Only those that you have not seen.")] = False,
    seen: Annotated[bool, typer.Option("--mark-seen", help="Mark all of them as seen.")] = False,
    json: Json = False,
) -> None:
    """Show your notices: what has ended while you were away."""
    with site() as api:
        showing.say(api.get("notices", unseen=unseen), json, _notices)
        if seen:
            api.post("notices/seen")


def _notices(found: list[dict[str, Any]]) -> None:
    for one in found:
        new = "" if one["seen"] else " (new)"
        showing.out.print(f"{one['title']}{new}\n  {one['text']}", markup=False)


@app.command()
def report(
    challenge: Slug,
    what: Annotated[str, typer.Option(help="What the problem is with: task, sample, score or page.")],
    text: Annotated[str, typer.Option(help="The problem, in a sentence or two.")],
) -> None:
    """Report a problem with a challenge to the people who run the course."""
    with site() as api:
        api.post(f"challenges/{challenge}/reports", {"what": what, "text": text})
        showing.out.print("Reported. `gradus reports` shows the answer once there is one.", markup=False)


@app.command()
def reports(json: Json = False) -> None:
    """Show the problems that you have reported, with the answers."""
    show_answer(lambda api: api.get("reports"), json, _reports)


def _reports(found: list[dict[str, Any]]) -> None:
    rows = [(one["challenge"], one["what"], one["text"], one["answer"] or "open") for one in found]
    showing.table("Reported problems", ("Challenge", "What", "Report", "Answer"), rows)


@app.command()
def choices(
    challenge: Slug,
    export: Annotated[bool, typer.Option("--export", help="Print your choices as training rows, JSON Lines.")] = False,
) -> None:
    """Choose between two answers, pair by pair, or export what you have chosen. Enter alone ends it."""
    with site() as api:
        if export:
            typer.echo(api.content(f"challenges/{challenge}/choices.jsonl").decode(), nl=False)
            return
        found = api.get(f"challenges/{challenge}/choices")
        for pair in found["pairs"]:
            if pair["chosen"] is None and not _chosen(api, challenge, pair):
                break
        found = api.get(f"challenges/{challenge}/choices")
        showing.out.print(f"{found['chosen']} of {found['wanted']} choices made.", markup=False)


def _chosen(api: Api, challenge: str, pair: dict[str, Any]) -> bool:
    """Asks for one choice and stores it. Returns False if the learner wants to stop."""
    showing.out.print(f"\n{pair['prompt']}", markup=False)
    for number, text in enumerate(pair["answers"], 1):
        showing.out.print(f"  {number}: {text}", markup=False)
    said = typer.prompt("1 or 2, or Enter to stop", default="", show_default=False).strip()
    if said not in ("1", "2"):
        return False
    api.put(f"challenges/{challenge}/choices", {"id": pair["id"], "shown": pair["shown"], "chosen": int(said)})
    return True


@app.command()
def documents(challenge: Slug) -> None:
    """Print the documents in which answers are looked up, one on each line as JSON."""
    with site() as api:
        found = api.get(f"challenges/{challenge}/documents")
        for document in found["documents"]:
            typer.echo(jsonlib.dumps(document, ensure_ascii=False))


@app.command()
def check(challenge: Slug, rows: Path) -> None:
    """Check training rows (JSON Lines) and show what training on them costs. It costs no attempt."""
    with site() as api:
        payload = sending.payload(None, rows, api.get(f"challenges/{challenge}")["tracks"], None)
        found = api.post(f"challenges/{challenge}/dataset", payload)
        facts = [
            ("Rows", found["rows"]),
            ("Labels", ", ".join(f"{label} {count}" for label, count in found["labels"].items())),
            ("Repeated rows", len(found["duplicates"])),
            ("Rows that contradict one another", len(found["conflicts"])),
            ("Training tokens", f"{found['total_tokens']:,} of {found['tokens_max']:,}"),
            ("Time", found["takes"]),
        ]
        showing.table("", ("", ""), facts)
        for problem in found["problems"]:
            showing.out.print(worded(problem), markup=False)


@app.command()
def download(
    identifier: Annotated[uuid.UUID, typer.Argument(metavar="SUBMISSION", help="An attempt that trained a model.")],
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; by default UUID.zip here.")] = None,
) -> None:
    """Download what an attempt has trained, as a zip with scripts that load and train it again."""
    to = file or Path(f"{identifier}.zip")
    with site() as api:
        content = api.content(f"submissions/{identifier}/artifact")
        to.write_bytes(content)
        showing.out.print(f"{to}: {len(content):,} bytes", markup=False)
