"""The command `gradus challenge calibrate`, also as `python -m workers.authoring.calibrate_command PATH`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from challenges.bundle import ChallengeBundle
from challenges.files.yaml_lines import read
from challenges.kinds import registry as kinds
from challenges.reading import BundleErrors, read_challenge
from workers.authoring import calibration, measured
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.judge.ledger import Ledger

console = Console()


def calibrate(
    path: Annotated[Path, typer.Argument(help="The folder of a free-text challenge.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the report to this file.")] = None,
    record: Annotated[bool, typer.Option(help="Write the report to measured.json beside the lesson.")] = True,
) -> None:
    """Grade the author's own answers with the configured judge and say how far its grades can be trusted.

    Exit status: 0 the gate is open; 1 it is shut, so that grades of this question stay provisional, or an error.
    """
    bundle, ledger = _read(path), Ledger()
    sources = sources_beside(path.resolve(), bundle)
    try:
        bench = calibration.Bench(
            JudgeClient.from_environment(ledger), lambda texts: embed(texts, Watch()), judge_template.chosen()
        )
        with Progress(console=console) as progress:
            bar = progress.add_task(bundle.challenge.id, total=calibration.rows_of(bundle, sources))
            report = calibration.calibrate(bundle, bench, lambda: progress.advance(bar), sources)
    except (JudgeMisconfigured, Postpone) as error:
        console.print(error.advice if isinstance(error, Postpone) else str(error), highlight=False)
        raise typer.Exit(1) from None
    report |= {"calls": ledger.calls, "tokens": ledger.tokens, "cost": ledger.cost}
    show(report)
    if record:
        console.print(f"written: {measured.write_calibration(path.resolve().parent, bundle, report)}")
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n")
    raise typer.Exit(0 if report["passed"] else 1)


def sources_beside(path: Path, bundle: ChallengeBundle) -> dict[str, str]:
    """The texts that learners can read, by name: the challenge's own, and lesson and FAQ if they lie beside it."""
    texts = {"solution": bundle.solution, "statement": bundle.statement}
    lesson, spec = path.parent / "lesson.md", path.parent / "lesson.yaml"
    if lesson.is_file():
        texts["lesson"] = lesson.read_text(encoding="utf-8")
    if spec.is_file():
        rows = read(spec.read_text(encoding="utf-8-sig")).data.get("faq", [])
        texts["faq"] = "\n\n".join(f"{row['question']}\n{row['answer']}" for row in rows)
    return texts


def _read(path: Path) -> ChallengeBundle:
    try:
        bundle = read_challenge(path)
    except BundleErrors as errors:
        for problem in errors.problems:
            console.print(str(problem), highlight=False)
        raise typer.Exit(1) from None
    if not kinds.find(bundle.challenge.kind).is_judged:
        console.print(f"{path}: a judge only grades answers in free text; name a free_text challenge")
        raise typer.Exit(1)
    if not any(gold.role == "calibration" for gold in bundle.gold):
        console.print(f"{path}: gold.jsonl has no answers with the role calibration; `gradus challenge lint` says more")
        raise typer.Exit(1)
    return bundle


def show(report: dict[str, Any]) -> None:
    """Prints a report for people."""
    table = Table(title=f"{report['model'] or 'built-in verifier'}, {report['template']}", title_justify="left")
    for heading in ("criterion", "agreement", "kappa"):
        table.add_column(heading)
    for row in report["criteria"]:
        table.add_row(row["id"], f"{row['agreement']:.2f}", f"{row['kappa']:.2f}")
    console.print(table)
    for line in _lines(report):
        console.print(line, highlight=False)


def _lines(report: dict[str, Any]) -> list[str]:
    cover, attacks, benign, test = (report[name] for name in ("coverage", "attacks", "benign", "test"))
    shares = ", ".join(f"{value:.2f} at {float(share):.0%}" for share, value in cover["accuracy_by_share"].items())
    return [
        f"on {report['answers']} calibration answers:",
        *(f"  {name}: {_with_interval(report[name])}" for name in ("agreement", "qwk", "bias", "mae")),
        f"  final: {cover['final']:.0%}, of which with the person's score: {_or_dash(cover['final_agreement'])}",
        f"  right verdicts among the most certain grades: {shares}",
        *([f"on {test['answers']} test answers: QWK {_with_interval(test['qwk'])}"] if test["answers"] else []),
        f"attacks: {attacks['count']}, {attacks['success']:.1%} succeed "
        f"({attacks['above_before_review']:.1%} score too much before a person reviews them)",
        *_suite_lines(report["suite"]),
        f"benign look-alikes: {benign['count']}, {benign['zeroed']} score 0, {benign['lost']} score too little, "
        f"{benign['to_review']:.0%} go to a person",
        f"judge: {report['calls']} calls, {report['tokens']} tokens, {cost_text(report['cost'])}",
        "gate: open" if report["passed"] else "gate: shut, grades stay provisional: " + "; ".join(report["missed"]),
    ]


def _suite_lines(suite: dict[str, Any]) -> list[str]:
    families = [f"  {name}: {_of(row)}" for name, row in suite["families"].items()]
    return [f"attacks of the suite: {_of(suite)}", *families]


def _of(row: dict[str, Any]) -> str:
    return f"{row['succeeded']} of {row['count']} succeed; the true rate may be up to {row['upper']:.1%}"


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def cost_text(cost: dict[str, Any] | None) -> str:
    """The cost of judge calls as text; `cost` is `Ledger.cost`."""
    return f"{cost['amount']:.4f} {cost['currency']}" if cost else "cost unknown"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    typer.run(calibrate)
