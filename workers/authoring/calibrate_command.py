"""The command `gradus challenge calibrate`, also as `python -m workers.authoring.calibrate_command PATH`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from challenges.bundle import ChallengeBundle
from challenges.files.yaml_lines import read
from challenges.kinds import registry as kinds
from challenges.kinds.rubric import GATE_ANSWERS, RIGHT_WITHIN
from challenges.reading import BundleErrors, read_challenge
from challenges.rows import GoldAnswer
from workers.authoring import calibration, measured
from workers.authoring.collected import Collected, read_collected
from workers.authoring.judge_session import Fresh, JudgeSession, Keep, Parallel
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge.contract import JudgeMisconfigured, JudgeUnusable, Postpone
from workers.judge.faults import excerpt
from workers.judge.kept_replies import RepliesNotKept

console = Console(markup=False)
INTERRUPTED = 130


def calibrate(
    path: Annotated[Path, typer.Argument(help="The folder of a free-text challenge.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the report to this file.")] = None,
    record: Annotated[bool, typer.Option(help="Write the report to measured.json beside the lesson.")] = True,
    gold: Annotated[
        Path | None,
        typer.Option(help="Also measure on the answers in this file, which people have marked on a site."),
    ] = None,
    parallel: Parallel = None,
    keep: Keep = None,
    fresh: Fresh = False,
) -> None:
    """Grade the author's own answers with the configured judge and say how far its grades can be trusted.

    A site lets you download the answers that people have marked for a question (*Reviews*, *Calibrations*).
    Replies that `gradus judge qualify` or an earlier run has kept are taken without a call.
    Exit status: 0 the gate is open; 1 it is shut, so that grades of this question stay provisional, or an error; 130
    interrupted.
    """
    bundle, more = _read(path, gold)
    sources = sources_beside(path.resolve(), bundle)
    try:
        session = JudgeSession.open(lambda texts: embed(texts, Watch()), keep, fresh, parallel)
        with Progress(console=console) as progress:
            bar = progress.add_task(bundle.challenge.id, total=calibration.rows_of(bundle, sources, more=more))
            report = calibration.calibrate(bundle, session.bench, lambda: progress.advance(bar), sources, more=more)
    except (JudgeMisconfigured, JudgeUnusable, RepliesNotKept, Postpone) as error:
        console.print(error.advice if isinstance(error, Postpone) else str(error), highlight=False, markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("Interrupted. All replies so far are kept: the next run asks only what is missing.")
        raise typer.Exit(INTERRUPTED) from None
    ledger = session.ledger
    report |= {"calls": ledger.calls, "tokens": ledger.tokens, "cost": ledger.cost}
    report |= {"added": len(more)} if more else {}
    # Written first: the calls are paid for.
    written = measured.write_calibration(path.resolve().parent, bundle, report) if record else None
    show(report)
    if ledger.taken:
        console.print(f"{ledger.taken} replies of earlier runs were taken without a call")
    if written is not None:
        console.print(f"written: {written}")
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


def _read(path: Path, gold: Path | None) -> tuple[ChallengeBundle, tuple[GoldAnswer, ...]]:
    """The challenge, and the answers of the file `gold` on which a judge can be measured as well."""
    try:
        bundle = read_challenge(path)
        if not kinds.find(bundle.challenge.kind).is_judged:
            console.print(f"{path}: a judge only grades answers in free text; name a free_text challenge")
            raise typer.Exit(1)
        found = read_collected(gold, bundle) if gold is not None else Collected()
    except BundleErrors as errors:
        for problem in errors.problems:
            console.print(str(problem), highlight=False)
        raise typer.Exit(1) from None
    if gold is not None:
        for line in found.lines():
            console.print(line, highlight=False)
    if not any(row.role == "calibration" for row in (*bundle.gold, *found.rows)):
        console.print(
            f"{path}: gold.jsonl has no answers with the role calibration, so there is nothing to measure a judge on. "
            "Mark some, or take those that people have marked on a site with --gold FILE."
        )
        raise typer.Exit(1)
    return bundle, found.rows


def show(report: dict[str, Any]) -> None:
    """Prints a report for people."""
    table = Table(
        title=Text(f"{excerpt(report['model']) or 'built-in verifier'}, {report['template']}"), title_justify="left"
    )
    for heading in ("criterion", "agreement", "kappa"):
        table.add_column(heading)
    for row in report["criteria"]:
        table.add_row(Text(row["id"]), f"{row['agreement']:.2f}", f"{row['kappa']:.2f}")
    console.print(table)
    for line in _lines(report):
        console.print(line, highlight=False)


FIGURES = {
    "agreement": "Share of marks that are a person's",
    "qwk": "Quadratic weighted kappa (QWK) of the scores",
    "bias": "Mean of the judge's score minus a person's",
    "mae": "Mean absolute error of the score",
}


def _lines(report: dict[str, Any]) -> list[str]:
    cover, benign, test = (report[name] for name in ("coverage", "benign", "test"))
    shares = ", ".join(f"{value:.0%} of the surest {float(share):.0%}" for share, value in _curve(cover))
    return [
        f"{report['answers']} calibration answers were graded as if they were unknown. In brackets: 95 % intervals.",
        *(f"  {title}: {_with_interval(report[name])}." for name, title in FIGURES.items()),
        f"  {_final(report['final_right'])}",
        f"  The verdict, passed or not, is right in {shares}.",
        *([f"On {test['answers']} test answers the QWK is {_with_interval(test['qwk'])}."] if test["answers"] else []),
        *([_alone(report["judge_alone"])] if report["replies"]["count"] else []),
        _author(report["attacks"]),
        *_suite_lines(report["suite"]),
        f"Of {benign['count']} honest answers that look like attacks {benign['zeroed']} get no points, "
        f"{benign['lost']} get too few, and {benign['to_review']:.0%} go to a person.",
        _replies(report["replies"]),
        f"The judge was called {report['calls']} times, with {report['tokens']} tokens; {cost_text(report['cost'])}.",
        *gate_lines(report),
    ]


def gate_lines(report: dict[str, Any]) -> list[str]:
    """Says in sentences whether the gate is open, and if not, why, and what happens with answers until it is."""
    if report["passed"]:
        return ["The gate is open: this judge's grades of this question can be final."]
    lines = ["The gate is shut: people review every answer to this question, whatever the judge says, because:"]
    lines += [f"- {excerpt(reason, 1000)}" for reason in report["missed"]]
    if missing := max(0, GATE_ANSWERS - report["answers"]):
        lines.append(f"The question is in pilot mode: {missing} more marked answers are needed before a gate can open.")
    return lines


def _curve(cover: dict[str, Any]) -> list[tuple[str, float]]:
    return sorted(cover["accuracy_by_share"].items())


def _final(final: dict[str, Any]) -> str:
    if not final["count"]:
        return "None of them gets a final grade."
    return (
        f"{final['count']} of them get a final grade, and {final['right']} of these are within {RIGHT_WITHIN:g} of a "
        f"person's score: {final['share']:.0%} ({final['low']:.0%} to {final['high']:.0%})."
    )


def _alone(alone: dict[str, Any]) -> str:
    return (
        f"By the judge's own marks, before any check in code, {alone['passed']} of the {alone['answered']} attacks "
        f"that it answered (of {alone['count']}) reach the pass mark: {alone['share']:.1%}; the true share may be up "
        f"to {alone['upper']:.1%}."
    )


def _author(attacks: dict[str, Any]) -> str:
    return (
        f"After the checks, {sum(attacks['succeeded'].values())} of the author's {attacks['count']} attacks succeed: "
        "they pass undeservedly, or end 0.25 or more above what they are worth, without a person having seen them."
    )


def _suite_lines(suite: dict[str, Any]) -> list[str]:
    families = [f"  {name}: {_of(row)}" for name, row in suite["families"].items()]
    return [f"Of the suite's attacks {_of(suite)}", *families]


def _of(row: dict[str, Any]) -> str:
    return f"{row['succeeded']} of {row['count']} succeed; the true share may be up to {row['upper']:.1%}."


def _replies(replies: dict[str, Any]) -> str:
    if not replies["count"]:
        return "No judge was asked."
    reasons = ", ".join(f"{excerpt(reason)} {count} times" for reason, count in replies["problems"].items())
    said = f": {reasons}" if reasons else ""
    return f"Of {replies['count']} replies {replies['unusable']} could not be used{said}."


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def cost_text(cost: dict[str, Any] | None) -> str:
    """The cost of judge calls as text; `cost` is `Ledger.cost`."""
    return f"{cost['amount']:.4f} {cost['currency']}" if cost else "cost unknown"


if __name__ == "__main__":
    typer.run(calibrate)
