"""The command `gradus challenge prove`: runs the experiments behind a lesson's findings, or checks their records."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from challenges.findings.runs import Repetition
from challenges.findings.spec import Finding
from challenges.problems import Problem
from challenges.texts import several
from workers.authoring.chosen_findings import Chosen, chosen_findings
from workers.authoring.local_runner import bars, own_runner, reporter
from workers.authoring.prove_report import as_json, holds, lines, problem_as_json
from workers.authoring.proving import NoResult, Prover
from workers.execute import Running
from workers.sandbox.supervisor import Runner

HOLDS, WRONG, UNUSABLE, INTERRUPTED = 0, 1, 2, 130


def prove(
    path: Annotated[Path, typer.Argument(help="The folder of a course or a lesson, or of a challenge in a finding.")],
    only: Annotated[list[str] | None, typer.Option(help="Only the finding with this id; may be repeated.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run nothing; report what is missing, stale or wrong.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete records and stored runs, and run everything again.")
    ] = False,
) -> None:
    """Run the experiments behind a lesson's findings and record the results in findings.json.

    Each finished run is stored on this machine, so a command that was interrupted goes on where it stopped.
    Exit status: 0 every claim holds, 1 a claim does not hold or there is a problem to fix, 2 there is no finding.
    """
    if check and force:
        raise typer.BadParameter("--check runs nothing: leave out --check or --force.")
    console = Console(stderr=json, soft_wrap=True, highlight=False, markup=False)
    lessons = _chosen(path, only or [], console)
    session = Session(console, lessons, [one for chosen in lessons for one in chosen.problems(checked=check)])
    if not check and not session.problems:
        session.run_all(own_runner(), force=force)
    if json:
        typer.echo(jsonlib.dumps(session.as_json(), indent=2, ensure_ascii=False))
    else:
        session.show()
    raise typer.Exit(HOLDS if session.is_right(checked=check) else WRONG)


def _chosen(path: Path, only: list[str], console: Console) -> list[Chosen]:
    lessons = chosen_findings(path)
    known = sorted({name for chosen in lessons for name in chosen.known})
    broken = any(chosen.is_broken for chosen in lessons)
    unknown = [name for name in only if name not in known]
    if unknown and known and not broken:
        console.print(f"{path}: there is no finding {', '.join(unknown)}: name one of {', '.join(known)}")
        raise typer.Exit(UNUSABLE)
    chosen = [lesson.only(only) for lesson in lessons]
    if not broken and not any(lesson.findings for lesson in chosen):
        console.print(f"{path}: no findings here: name the folder of a course or lesson with a findings.yaml")
        raise typer.Exit(UNUSABLE)
    return chosen


class Session:
    """One call of the command: the provers of its lessons, and the report at its end."""

    def __init__(self, console: Console, lessons: list[Chosen], problems: list[Problem]) -> None:
        self.console = console
        self.problems = problems
        self.provers = [(chosen, Prover.of(chosen.folder, chosen.gathered)) for chosen in lessons]
        self.recorded: set[tuple[Path, str]] = set()

    def run_all(self, runner: Runner, *, force: bool) -> None:
        """Runs all missing runs. After an interruption it says how to go on, and ends the command."""
        try:
            for chosen, prover in self.provers:
                for finding in chosen.findings:
                    if force:
                        prover.forget(finding)
                    if not prover.is_fresh(finding):
                        self._prove(chosen, prover, finding, runner)
        except KeyboardInterrupt:
            left = sum(len(p.missing(f)) for chosen, p in self.provers for f in chosen.findings if not p.is_fresh(f))
            self.console.print(
                f"Interrupted; finished runs are kept, and {left} are missing. "
                "Give the same command again (without --force), and it goes on with those."
            )
            raise typer.Exit(INTERRUPTED) from None
        finally:
            runner.close()

    def _prove(self, chosen: Chosen, prover: Prover, finding: Finding, runner: Running) -> None:
        every, missing = prover.runs(finding), prover.missing(finding)
        runs, kept = several(len(every), "run"), len(every) - len(missing)
        self.console.print(f"{finding.id}: {runs}, {kept} of them kept from before")
        try:
            with bars(self.console) as progress:
                for run in missing:
                    bar = progress.add_task(_name(run), total=None)
                    prover.run(run, runner, reporter(progress, bar))
                    progress.update(bar, total=1, completed=1)
                    if not self.console.is_terminal:
                        # In a pipe, progress bars are drawn only at the end.
                        self.console.print(f"{_name(run)}: done")
            prover.record(finding, chosen.known)
        except NoResult as error:
            what = f"`{finding.id}` cannot be recorded: {error}"
            self.problems.append(Problem(str(chosen.folder / "findings.yaml"), None, what, "give the command again"))
        else:
            self.recorded.add((chosen.folder, finding.id))

    def is_right(self, *, checked: bool) -> bool:
        """Whether there are no problems and every claim holds; with `checked`, only whether there are no problems."""
        return not self.problems and (checked or all(self._holds(p, f) for c, p in self.provers for f in c.findings))

    def _holds(self, prover: Prover, finding: Finding) -> bool:
        return prover.is_fresh(finding) and holds(prover.records.findings[finding.id])

    def show(self) -> None:
        """Prints each selected finding that has a fresh record, then each problem."""
        for chosen, prover in self.provers:
            for finding in chosen.findings:
                record = prover.records.findings.get(finding.id)
                if record is not None and prover.is_fresh(finding):
                    new = (chosen.folder, finding.id) in self.recorded
                    state = "recorded now" if new else f"recorded on {record.day}, nothing has changed since"
                    for line in lines(finding, record, state):
                        self.console.print(line)
        for problem in self.problems:
            self.console.print(str(problem))

    def as_json(self) -> dict[str, Any]:
        """Each selected finding, with or without a record, and each problem, ready for JSON."""
        findings = [self._finding_as_json(*pair, one) for pair in self.provers for one in pair[0].findings]
        return {"findings": findings, "problems": [problem_as_json(problem) for problem in self.problems]}

    def _finding_as_json(self, chosen: Chosen, prover: Prover, finding: Finding) -> dict[str, Any]:
        record = prover.records.findings.get(finding.id)
        return as_json(finding, chosen.gathered.id, record, fresh=prover.is_fresh(finding))


def _name(run: Repetition) -> str:
    return f"{run.bundle.challenge.id} {run.arm} {run.name}"
