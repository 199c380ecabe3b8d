"""The command `gradus judge qualify`, also as `python -m workers.authoring.qualify_command PATH`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from challenges.kinds.rubric import GATE_ANSWERS, RIGHT_WITHIN
from challenges.reading import BundleErrors
from workers.authoring import estimate, qualification
from workers.authoring.calibrate_command import cost_text
from workers.authoring.estimate import Estimate
from workers.authoring.judge_session import Fresh, JudgeSession, Keep, Parallel
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge.contract import JudgeMisconfigured, JudgeUnusable, Postpone
from workers.judge.faults import excerpt
from workers.judge.kept_replies import RepliesNotKept

console = Console(markup=False)
COLUMNS = ("question", "QWK", "final", "right", "judge alone", "attacks", "suite", "missing", "gate")
LEGEND = (
    "final: answers that get a final grade.",
    f"right: final grades within {RIGHT_WITHIN:.2f} of a person's score; in brackets, how low the true share may be.",
    "judge alone: attacks that reach the pass mark by the judge's own marks, before any check in code, of those that "
    "it answered; in brackets, how high the true share may be.",
    "attacks, suite: the author's attacks, and those of the built-in suite, that succeed after the checks.",
    "missing: marked answers that a question needs before a gate can open.",
)
NO_JUDGE = (
    "No judge is set up. Set GRADUS_JUDGE_MODEL and OPENAI_BASE_URL (or OPENAI_API_KEY) to the endpoint that you want "
    "to try, and run this command again."
)
NOBODY_TO_ASK = (
    "Nothing of this was sent, only a short trial call: there is no terminal to ask. Add --yes to send it without a "
    "question."
)
DECLINED = "Nothing of this was sent, only a short trial call."
PASSED, SHUT, NOT_SENT, INTERRUPTED = 0, 1, 2, 130


def qualify(
    path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a free-text challenge.")],
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, help="Grade at most this many answers of each kind, for a quick estimate; too few to open a gate."
        ),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the whole report to this file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send the calls without a question.")] = False,
    parallel: Parallel = None,
    keep: Keep = None,
    fresh: Fresh = False,
) -> None:
    """Let a judge grade all graded answers, attacks and look-alikes of a course, and say whether it can be trusted.

    GRADUS_JUDGE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY name the judge. It first says how many calls and tokens this
    takes, what they cost and how long, and asks. Each reply is kept on this machine, so a run that was interrupted pays
    only for what is missing. This writes nothing beside the course; `gradus challenge calibrate` does.
    Exit status: 0 the gates of all questions are open; 1 a gate is shut, or there is an error; 2 nothing of the
    course was sent, because nobody agreed to it; 130 interrupted.
    """
    try:
        questions = qualification.questions(path, rows)
        session = _opened(keep, fresh, parallel)
        _agreed(_estimated(questions, session), session, yes)
        report = _with_pilots(_asked(questions, session), qualification.unmarked(path))
    except BundleErrors as errors:
        _give_up(*map(str, errors.problems))
    except (JudgeMisconfigured, RepliesNotKept, Postpone) as error:
        _give_up(error.advice if isinstance(error, Postpone) else str(error))
    except KeyboardInterrupt:
        _give_up(
            "Interrupted. All replies so far are kept: the next run asks only what is missing.", status=INTERRUPTED
        )
    show(report)
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n")
    raise typer.Exit(PASSED if report["passed"] else SHUT)


def _opened(keep: Path | None, fresh: bool, parallel: int | None) -> JudgeSession:
    session = JudgeSession.open(lambda texts: embed(texts, Watch()), keep, fresh, parallel)
    if session.client.client is None:
        raise JudgeMisconfigured(NO_JUDGE)
    return session


def _estimated(questions: list[qualification.Question], session: JudgeSession) -> Estimate:
    with console.status("Counting what has to be sent"):
        return qualification.estimated(questions, session)


def _agreed(expected: Estimate, session: JudgeSession, yes: bool) -> None:
    """Shows the estimate and asks, unless nothing is sent. Exits if nobody agrees."""
    _say(f"judge:  {session.client.model}", *estimate.lines(expected, session.client.prices))
    if yes or not expected.most.calls:
        return
    if not has_terminal():
        _give_up(NOBODY_TO_ASK, status=NOT_SENT)
    try:
        agreed = typer.confirm("Send them?")
    except typer.Abort:
        agreed = False
    if not agreed:
        _give_up(DECLINED, status=NOT_SENT)


def has_terminal() -> bool:
    """Whether there is somebody who can be asked."""
    return sys.stdin.isatty()


def _asked(questions: list[qualification.Question], session: JudgeSession) -> dict[str, Any]:
    with Progress(console=console) as progress:
        bar = progress.add_task("answers", total=sum(question.count for question in questions))
        try:
            return qualification.qualify(questions, session.bench, session.ledger, lambda: progress.advance(bar))
        except JudgeUnusable as error:
            return qualification.stopped(session.ledger, str(error))


def _with_pilots(report: dict[str, Any], unmarked: list[str]) -> dict[str, Any]:
    """The report with the questions that could not be measured at all, whose gates are therefore shut."""
    return report | {"unmarked": unmarked, "passed": report["passed"] and not unmarked}


def _give_up(*texts: str, status: int = SHUT) -> NoReturn:
    _say(*texts)
    raise typer.Exit(status) from None


def _say(*texts: str) -> None:
    for text in texts:
        console.print(text, highlight=False, soft_wrap=True)


def show(report: dict[str, Any]) -> None:
    """Prints a report as a table: a row for each question, then the number, tokens and cost of the calls."""
    if report["questions"]:
        title = excerpt(", ".join(report["models"])) or "no usable reply"
        table = Table(
            title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
        )
        for heading in COLUMNS:
            table.add_column(heading, overflow="fold", no_wrap=heading != COLUMNS[0])
        for name, figures in report["questions"].items():
            table.add_row(name, *_cells(figures))
        console.print(table)
        _say(*LEGEND)
    _say(*_lines(report))


def _cells(figures: dict[str, Any]) -> list[str]:
    right, alone, attacks = (figures[name] for name in ("final_right", "judge_alone", "attacks"))
    return [
        f"{figures['qwk']['value']:.2f}",
        f"{figures['coverage']['final']:.0%}",
        f"{right['share']:.0%} ({right['low']:.0%})" if right["count"] else "-",
        f"{alone['passed']}/{alone['answered']} ({alone['upper']:.0%})",
        f"{sum(attacks['succeeded'].values())}/{attacks['count']}",
        f"{figures['suite']['succeeded']}/{figures['suite']['count']}",
        str(figures["answers_missing"] or "-"),
        "open" if figures["passed"] else "shut",
    ]


def _lines(report: dict[str, Any]) -> list[str]:
    took = "" if report["seconds"] is None else f", {report['seconds']:.1f} s a call (median)"
    kept = f"; {report['kept']:,} replies of earlier runs were taken without a call" if report["kept"] else ""
    return [
        f"{report['calls']:,} calls ({', '.join(report['forms'])}), {report['tokens']:,} tokens, "
        f"{cost_text(report['cost'])}{took}{kept}",
        *(f"reply {excerpt(problem)}: {count} times" for problem, count in report["unusable"].items()),
        *(line for name, figures in report["questions"].items() for line in _gate(name, figures)),
        *(
            f"{name}: not measured. Mark {GATE_ANSWERS} answers (role: calibration); until then people review all."
            for name in report["unmarked"]
        ),
        *([report["stopped"]] if report["stopped"] else []),
    ]


def _gate(name: str, figures: dict[str, Any]) -> list[str]:
    """Why the gate of a question is shut, and how many answers it needs; nothing if it is open."""
    if figures["passed"]:
        return []
    lines = [f"{name}: the gate is shut, and people review every answer, because:"]
    lines += [f"- {excerpt(reason, 1000)}" for reason in figures["missed"]]
    if figures["answers"] < figures["answers_marked"]:
        lines.append(f"- Only {figures['answers']} of its {figures['answers_marked']} marked answers were graded now.")
    if missing := figures["answers_missing"]:
        lines.append(f"- Mark {missing} more answers (role: calibration); {figures['answers_marked']} are there now.")
    return lines


if __name__ == "__main__":
    typer.run(qualify)
