"""The command `gradus judge qualify`, also as `python -m workers.authoring.qualify_command PATH`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from challenges.reading import BundleErrors
from workers.authoring import calibration, qualification
from workers.authoring.calibrate_command import cost_text
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.judge.ledger import Ledger

console = Console()
COLUMNS = ("question", "agreement", "QWK", "final", "of these right", "attacks that succeed", "of our suite", "gate")
NO_JUDGE = (
    "No judge is set up. Set GRADUS_JUDGE_MODEL and OPENAI_BASE_URL (or OPENAI_API_KEY) to the endpoint that you want "
    "to try, and run this command again."
)


def qualify(
    path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a free-text challenge.")],
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, help="Grade at most this many answers of each kind, for a quick estimate; too few to open a gate."
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the whole report to this file.")] = None,
) -> None:
    """Let a judge grade all graded answers, attacks and look-alikes of a course, and say whether it can be trusted.

    GRADUS_JUDGE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY name the judge. This writes nothing beside the course;
    `gradus challenge calibrate` does.
    Exit status: 0 the gates of all questions are open, 1 a gate is shut or there is an error.
    """
    ledger = Ledger()
    try:
        report = _asked(qualification.questions(path, rows), _bench(ledger), ledger)
    except BundleErrors as errors:
        _give_up(*map(str, errors.problems))
    except (JudgeMisconfigured, Postpone) as error:
        _give_up(error.advice if isinstance(error, Postpone) else str(error))
    show(report)
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n")
    raise typer.Exit(0 if report["passed"] else 1)


def _bench(ledger: Ledger) -> calibration.Bench:
    client = JudgeClient.from_environment(ledger)
    if client.client is None:
        raise JudgeMisconfigured(NO_JUDGE)
    return calibration.Bench(client, lambda texts: embed(texts, Watch()), judge_template.chosen())


def _asked(questions: list[qualification.Question], bench: calibration.Bench, ledger: Ledger) -> dict[str, Any]:
    with Progress(console=console) as progress:
        bar = progress.add_task("answers", total=sum(question.count for question in questions))
        return qualification.qualify(questions, bench, ledger, lambda: progress.advance(bar))


def _give_up(*lines: str) -> None:
    for line in lines:
        console.print(line, highlight=False)
    raise typer.Exit(1) from None


def show(report: dict[str, Any]) -> None:
    """Prints a report as a table: a row for each question, then the number, tokens and cost of the calls."""
    table = Table(title=", ".join(report["models"]) or "no usable reply", title_justify="left")
    for heading in COLUMNS:
        table.add_column(heading)
    for name, figures in report["questions"].items():
        table.add_row(name, *_cells(figures))
    console.print(table)
    for line in _lines(report):
        console.print(line, highlight=False)


def _cells(figures: dict[str, Any]) -> list[str]:
    right = figures["coverage"]["final_agreement"]
    return [
        f"{figures['agreement']['value']:.2f}",
        f"{figures['qwk']['value']:.2f}",
        f"{figures['coverage']['final']:.0%}",
        "-" if right is None else f"{right:.0%}",
        *(f"{figures[name]['success']:.0%} of {figures[name]['count']}" for name in ("attacks", "suite")),
        "open" if figures["passed"] else "shut",
    ]


def _lines(report: dict[str, Any]) -> list[str]:
    shut = {name: figures["missed"] for name, figures in report["questions"].items() if not figures["passed"]}
    took = "" if report["seconds"] is None else f", {report['seconds']:.1f} s a call (median)"
    return [
        f"{report['calls']} calls ({', '.join(report['forms'])}), {report['tokens']} tokens, "
        f"{cost_text(report['cost'])}{took}",
        *(f"reply {problem}: {count} times" for problem, count in report["unusable"].items()),
        *(f"{name}: gate shut, grades stay provisional: {'; '.join(missed)}" for name, missed in shut.items()),
    ]


if __name__ == "__main__":
    typer.run(qualify)
