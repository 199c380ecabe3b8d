"""Prints what learners see in a terminal: tables, results, and the progress of a job."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterable
from typing import Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from challenges.kinds import registry as kinds
from challenges.kinds.rag_reader import place_in_words
from challenges.registry import kind_names
from challenges.shown_score import RIGHT, WORDS, counted, mark_of
from challenges.texts import several
from gradus.cli.client import Event

out = Console(highlight=False)
# A program that reads a table gets whole names, however long a line becomes.
pipe = Console(highlight=False, width=4096)
messages = Console(stderr=True, highlight=False)
PREFERENCE_FIGURES = ("margin", "accuracy", "valid_margin", "valid_accuracy")
STATES = {
    "queued": "waiting",
    "running": "running",
    "scored": "scored",
    "rejected": "not accepted",
    "failed": "our fault, attempt given back",
    "cancelled": "cancelled",
    "review": "with a reviewer",
    "withheld": "submitted, grade not released yet",
}
WITHDRAWN = ("withdrawn", "withdrawn_late")
TIME_LIMITS = ("timeout", "work_limit")
BULK = "the machine's marks, accepted by a person"
VERIFIED = {
    "ai": "AI-verified",
    "code": "computed by code",
    "person": "person-verified",
    "bulk": BULK,
    None: "provisional",
}


def say(found: Any, json: bool, show: Callable[[Any], None]) -> None:
    """Prints an answer of the site as JSON for programs, or as `show` lays it out for people."""
    if json:
        as_json(found)
    else:
        show(found)


def as_json(found: Any) -> None:
    typer.echo(jsonlib.dumps(found, indent=2, ensure_ascii=False))


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Prints a table. All cells are escaped, so that no text of a learner or an author is read as markup."""
    shown = Table(title=escape(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, justify="right" if column in ("Rank", "Score", "Tokens") else "left")
    for row in rows:
        shown.add_row(*(escape("" if value is None else str(value)) for value in row))
    (out if out.is_terminal else pipe).print(shown)


def own_runs(runs: list[dict[str, Any]]) -> None:
    """Prints the answer of `GET /challenges/ID/own-runs`, a table for each run."""
    if not runs:
        out.print("There is no run of yours that this question asks for.")
    for run in runs:
        rows = [(row["id"], WORDS[row["mark"]], row["input"], row["answer"]) for row in run["rows"]]
        title = f"{run['name'] or run['purpose'].capitalize()} {run['run']} of {run['created_at'][:16]}"
        table(title, ("Row", "Result", "Input", "Answer"), rows)


def paths(courses: list[dict[str, Any]]) -> None:
    for course in courses:
        rows = [
            (item["id"], item["title"], item["kind"], item["state"], number(item["score"]), item.get("version"))
            for lesson in course["lessons"]
            for item in lesson["challenges"]
        ]
        table(f"{course['title']} ({course['passed']} of {course['total']} passed)", HEAD, rows)


def markdown(text: str) -> None:
    out.print(Markdown(text))


def question(found: dict[str, Any]) -> None:
    """Prints a question with its options, the learner's answer, and the explanations that are open."""
    out.print(f"{found['id']} ({found['part']}): {found['question']}", markup=False)
    for number, option in enumerate(found["options"]):
        mine = " (your answer)" if found["answer"] == number else ""
        right = {True: " RIGHT", False: "", None: ""}[option["right"]]
        because = f" {option['because']}" if option["because"] else ""
        out.print(f"  {number + 1}. {option['text']}{mine}{right}{because}", markup=False)


def asked(found: dict[str, Any]) -> None:
    """Prints a run of a demo or a search: what each row gave, with probabilities or the passages that were found."""
    out.print(found["label"] or found["kind"], markup=False)
    if found["error"]:
        out.print(f"  {found['error']['message']}", markup=False)
    for row in ((found["result"] or {}).get("public") or {}).get("rows", []):
        if row["look_up"]:
            for place, passage in enumerate(row["look_up"]["passages"], 1):
                out.print(f"  {place}. {passage['document']} ({passage['score']:.2f}): {passage['text']}", markup=False)
            continue
        shares = sorted(row["probabilities"].items(), key=lambda pair: -pair[1])[:3]
        likely = ", ".join(f"{label} {share:.2f}" for label, share in shares)
        out.print(f"  {row['output']}{f' ({likely})' if likely else ''}", markup=False)


HEAD = ("Challenge", "Title", "Kind", "State", "Score", "Version")


def challenge(found: dict[str, Any]) -> None:
    out.print(Markdown(f"# {found['title']}\n\n{found['statement']}"))
    for details in found["details"].values():
        if question := details.get("question"):
            out.print(Markdown(f"> {question}"))
    limits = found["limits"]
    facts = [
        ("Kind", ", ".join(found["tracks"])),
        ("Version", found["version"] + ("" if found["verified"] else " (not verified on this server)")),
        ("Pass, gold", f"{number(found['pass'])}, {number(found['gold']) or 'none'}"),
        *([("Metric", found["metric_title"])] if _has_samples(found) else []),
        ("Attempts left today", f"{found['attempts_left']} of {limits['attempts_per_day']}"),
        *(
            [("Public samples", len(found["samples"])), ("Starter rows", len(found["train"]))]
            if _has_samples(found)
            else []
        ),
        ("My best", ", ".join(f"{track} {number(score)}" for track, score in found["best"].items()) or "none yet"),
    ]
    table("", ("", ""), facts)


def _has_samples(found: dict[str, Any]) -> bool:
    """Whether a challenge or a submission is scored on samples. A site may have kinds that are not installed here."""
    return found.get("kind") not in kind_names() or kinds.find(found["kind"]).has_samples


def submissions(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            item["uuid"],
            item["challenge"],
            item["kind"],
            state(item),
            number(item["score"]),
            item["version"],
            verdict(item),
        )
        for item in found
    ]
    table("My submissions", ("Submission", "Challenge", "Kind", "State", "Score", "Version", "Verdict"), rows)


def verdict(item: dict[str, Any]) -> str:
    if item["verdict"] is None:
        return "" if item["score"] is None else VERIFIED[None]
    told = "gold" if item.get("gold") else item["verdict"].replace("_", " ")
    return f"{told}, {VERIFIED[_verified_by(item)]}"


def _verified_by(item: dict[str, Any]) -> str | None:
    """Version 0.2.0 stored `ai` for scores that code computed."""
    if item.get("accepted_in_bulk"):
        return "bulk"
    by: str | None = item["verified_by"]
    is_computed = by == "ai" and item["kind"] in kind_names() and not kinds.find(item["kind"]).is_judged
    return "code" if is_computed else by


def chat(found: dict[str, Any]) -> None:
    """Prints both answers, or why there are none."""
    if found["error"]:
        out.print(escape(found["error"]["message"]))
        return
    rows = [(title, found[stage]["text"]) for stage, title in (("base", "Base model"), ("trained", "Trained model"))]
    table("", ("", "Answer"), rows)


def leaderboard(board: dict[str, Any]) -> None:
    rows = list(board["rows"])
    if board["mine"] and not any(row["mine"] for row in rows):
        rows.insert(0, board["mine"])
    shown = [
        (row["rank"], row["pseudonym"] + (" (you)" if row["mine"] else ""), number(row["score"]), _tokens(row))
        for row in rows
    ]
    columns = ("Rank", "Learner", "Score", "Tokens")[: 4 if any(tokens for *_, tokens in shown) else 3]
    title = f"{board['challenge']} {board['version']}, {board['track']}{_season(board)}: {board['total']} ranked"
    table(title, columns, (row[: len(columns)] for row in shown))
    if board["mine"] and board["mine"].get("no_rank") == "role":
        out.print("Your score has no rank, because you may read the hidden rows of this course.")
    if board["mine"] and board["mine"].get("no_rank") == "hidden":
        out.print("A person has hidden your entry. The site says why, and you can answer there.")
    for band in board["bands"]:
        out.print(f"Rank {band['rank']}: {band['learners']} learners with {number(band['score'])}, in no order.")
    for other in board["older"]:
        scores = several(other["scores"], "score")
        out.print(f"{scores} of version {other['version']} not on this board until a regrade.")
    if board["pages"] > 1:
        out.print(f"Page {board['page']} of {board['pages']}; --page shows another.")


def _season(board: dict[str, Any]) -> str:
    """Returns the season in words, where there is more than one. A site before 0.4.0 has none."""
    if len(board.get("seasons", ())) < 2:
        return ""
    title = next(one["title"] for one in board["seasons"] if one["number"] == board["season"])
    return f", season {board['season']}{f' ({title})' if title else ''}"


def _tokens(row: dict[str, Any]) -> str:
    tokens = row["cost"].get("prompt_tokens")
    return "" if tokens is None else f"{tokens:.0f}"


def samples_of(challenge: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The public samples by id. `has_reader` is false where no model reads what a search has found for them."""
    has_reader = all(details.get("has_reader", True) for details in challenge["details"].values())
    return {sample["id"]: {**sample, "has_reader": has_reader} for sample in challenge["samples"]}


def result(found: dict[str, Any], samples: dict[str, dict[str, Any]]) -> None:
    """Prints a submission or a run, with the result of each public sample."""
    feedback = found.get("feedback") or found.get("result") or {}
    rows = feedback.get("public", {}).get("rows", [])
    if rows:
        public_samples(rows, samples)
    for mark in feedback.get("marks", []):
        out.print(
            f"{mark['points']:g}/{mark['points_max']} {mark['label']}: {mark['mark'].replace('_', ' ')}", markup=False
        )
    out.print(summary(found, feedback), markup=False)
    if found.get("appeal"):
        appeal(found)
    elif found.get("can_appeal"):
        out.print(f"To appeal against this grade: gradus appeal {found['uuid']} --reason ...", markup=False)
    if found["error"]:
        out.print(found["error"]["message"], markup=False)
    if (done := feedback.get("unfinished")) is not None:
        limit = f"the limit is {done['seconds']} seconds of computing time"
        out.print(f"{done['finished']} of {done['of']} public samples were finished; {limit}.", markup=False)


STAGES = {"second": "with a second grader", "person": "with a person", "closed": "closed"}


def appeal(found: dict[str, Any]) -> None:
    """Prints the state of an appeal."""
    made = found["appeal"]
    ended = f", the grade was {made['outcome']}" if made["outcome"] else ""
    out.print(f"Your appeal is {STAGES[made['stage']]}{ended}.", markup=False)


def summary(found: dict[str, Any], feedback: dict[str, Any]) -> str:
    parts = [state(found)]
    public = feedback.get("public", {}).get("score")
    if public is not None:
        parts.append(f"public samples {number(public)}")
    if found.get("score") is not None:
        what = "hidden samples" if _has_samples(found) else "score"
        parts.append(f"{what} {number(found['score'])} (version {found['version']}), {verdict(found)}")
    return "; ".join(parts)


def state(found: dict[str, Any]) -> str:
    """Returns the state of a submission or a run in words. A run is no attempt, so none is given back.

    In a list, a site before 0.4.0 does not give the error.
    """
    code = (found.get("error") or {}).get("code")
    if code in TIME_LIMITS:
        return "time limit reached"
    if code in WITHDRAWN:
        return "withdrawn, you handed in a later attempt"
    return (
        "our fault"
        if found["status"] == "failed" and (found.get("is_run") or "expires_at" in found)
        else STATES[found["status"]]
    )


def public_samples(rows: list[dict[str, Any]], samples: dict[str, dict[str, Any]]) -> None:
    """Prints each sample with its mark, its fields if answers are JSON objects, and how many have which mark."""
    has_fields = any(row.get("fields") for row in rows)
    columns = ("", "Input", "Expected", "Got", *(("Fields",) if has_fields else ()))
    shown = [(*_sample(row, samples), *((_fields(row),) if has_fields else ())) for row in rows]
    table("Public samples", columns, shown)
    out.print(f"{counted(row['mark'] for row in rows)}.", markup=False)
    if has_fields:
        out.print("Partly right: the row earns some of its score, but not all of it.", markup=False)


def _sample(row: dict[str, Any], samples: dict[str, dict[str, Any]]) -> tuple[str, str, str, str]:
    sample = samples.get(row["id"], {"input": row["id"], "target": ""})
    if row.get("look_up") and not sample.get("has_reader", True):
        documents = sample["documents"]
        return (_mark(row), sample["input"], ", ".join(documents), place_in_words(documents, row["look_up"]))
    target = sample["target"]
    expected = target if isinstance(target, str) else jsonlib.dumps(target, ensure_ascii=False)
    return (_mark(row), sample["input"], expected, row["output"])


def _mark(row: dict[str, Any]) -> str:
    word = WORDS[row["mark"]]
    return {"wrong": "WRONG", "partly_right": f"{word} {number(row['score'])}"}.get(row["mark"], word)


def _fields(row: dict[str, Any]) -> str:
    """Returns a text such as "valid JSON; category right, priority wrong, summary 0.40"."""
    valid = "valid JSON" if row.get("valid") else "not valid"
    return f"{valid}; {', '.join(f'{name} {_share(score)}' for name, score in row.get('fields', {}).items())}"


def _share(score: float) -> str:
    mark = mark_of(score)
    return WORDS[mark] if mark == RIGHT or not score else number(score)


class Follower:
    """Prints the events of a job as lines, and its progress as a bar."""

    def __init__(self, *, stderr: bool = False) -> None:
        bar = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
        self.progress = Progress(*bar, console=Console(stderr=True) if stderr else out, transient=True)
        self.task: TaskID = self.progress.add_task("waiting", total=None, note="")
        self.because: str | None = None

    def __enter__(self) -> Follower:
        self.progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        data = event.data
        match event.type:
            case "state" if data.get("waits_because") or data.get("queue_position"):
                self._waits(data)
            case "started":
                self.say("started" if data.get("attempt", 1) == 1 else f"started again (attempt {data['attempt']})")
            case "progress":
                self._bar(str(data.get("stage", "")), data.get("done"), data.get("total"))
            case "loss":
                self._loss(data)
            case "checkpoint":
                self.say(f"checkpoint at step {data['step']}")
            case "postponed":
                self.say(f"put back in the queue for {data['seconds']} s: {data['reason']}")

    def _waits(self, data: dict[str, Any]) -> None:
        if (because := (data.get("waits_because") or {}).get("message")) and because != self.because:
            self.say(because)
        self.because = because
        wait = f", about {data['wait_s']} s" if data.get("wait_s") else ""
        if data.get("queue_position"):
            self.progress.update(self.task, description="waiting", note=f"number {data['queue_position']}{wait}")

    def _loss(self, data: dict[str, Any]) -> None:
        told = {name: data.get(name) for name in ("train_loss", "valid_loss", *PREFERENCE_FIGURES)}
        note = " ".join(f"{name} {value:.4f}" for name, value in told.items() if value is not None)
        self.say(f"step {data['step']}/{data['steps']} {note}")
        self._bar("train", data["step"], data["steps"], note)

    def _bar(self, stage: str, done: int | None, total: int | None, note: str = "") -> None:
        note = note or (f"{done} of {total}" if total else "")
        self.progress.update(self.task, description=stage, completed=done or 0, total=total, note=note)

    def say(self, text: str) -> None:
        if text:
            self.progress.console.print(text, markup=False)
