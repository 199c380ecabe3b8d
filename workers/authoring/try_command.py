"""The command `gradus challenge try`: scores one submission on the public rows of its challenge."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from challenges.bundle import ChallengeBundle
from challenges.files.source import Source
from challenges.kinds import registry as kinds
from challenges.lint.spec import refusals
from challenges.payloads import Submitted
from challenges.reading import BundleErrors, read_challenge, read_payload
from challenges.shown_score import RIGHT, WORDS, counted, mark_of
from graders.base import Assignment, Grade, GradedSample, Rejected
from graders.registry import grade
from workers.authoring.local_runner import bars, own_runner, reporter
from workers.execute import baseline_seconds, execute, expect_packages
from workers.remote.calls import EngineMisconfigured
from workers.sandbox.supervisor import RunnerDied, RunnerFailed, RunnerTimeout


class CannotTry(Exception):
    """Why a submission has no score. The message may have several lines, one for each problem."""


def try_(
    file: Annotated[Path, typer.Argument(help="A submission in YAML, in the folder of its challenge or below it.")],
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="The seed of a training run instead of the challenge's.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Score a submission on the public rows of its challenge, and print each row's answer beside the expected one.

    A training run trains in full. Hidden rows are not touched. Exit status: 0 there is a score, 1 there is none.
    """
    console = Console(stderr=json)
    try:
        bundle, payload = read(file)
        if seed is not None:
            bundle = bundle.with_seed(seed)
        grade = graded(bundle, payload, console)
    except CannotTry as reason:
        console.print(escape(str(reason)), highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if json:
        typer.echo(json_module.dumps(as_json(file, bundle, payload, grade), ensure_ascii=False, indent=2))
    else:
        _print(console, bundle, payload, grade)


def read(file: Path) -> tuple[ChallengeBundle, Submitted]:
    """The submission in `file` and its challenge, whose folder is the nearest one above. Raises `CannotTry`."""
    folder = next((one for one in file.resolve().parents if (one / "challenge.yaml").is_file()), None)
    if folder is None:
        raise CannotTry(f"{file}: there is no challenge.yaml above: put the file into the folder of its challenge")
    try:
        bundle = read_challenge(folder)
    except BundleErrors as errors:
        raise CannotTry("\n".join(str(problem) for problem in errors.problems)) from errors
    source = Source(folder)
    payload = read_payload(source, "", file.resolve().relative_to(folder).as_posix())
    if payload is None:
        raise CannotTry("\n".join(str(problem) for problem in source.problems))
    return bundle, payload


def graded(bundle: ChallengeBundle, payload: Submitted, console: Console) -> Grade:
    """The grade of a submission on public rows alone. Raises `CannotTry`."""
    challenge = bundle.challenge
    if not kinds.find(challenge.kind).has_samples:
        raise CannotTry(f"{challenge.id} has no public rows: `gradus challenge test` grades its baselines")
    if problems := refusals(challenge, payload, bundle.public):
        raise CannotTry(
            "\n".join(
                f"a submit would be refused ({one.code}) because of `{one.field}`: {one.message}" for one in problems
            )
        )
    runner = own_runner()
    try:
        expect_packages(payload.kind)
        with bars(console) as progress:
            bar = progress.add_task(challenge.id, total=None)
            grading = grade(Assignment(bundle, payload, hidden=False, whole=True))
            seconds = baseline_seconds(challenge, payload)
            return execute(grading, runner, None, reporter(progress, bar), lambda: False, seconds)
    except Rejected as rejected:
        raise CannotTry(f"rejected: {rejected.code}") from rejected
    except (EngineMisconfigured, RunnerDied, RunnerFailed) as error:
        raise CannotTry(str(error)) from error
    except RunnerTimeout as error:
        raise CannotTry("it took far longer than the challenge's limits allow") from error
    finally:
        runner.close()


def as_json(file: Path, bundle: ChallengeBundle, payload: Submitted, grade: Grade) -> dict[str, Any]:
    """The result as a JSON object. Scores are raw, not rounded down."""
    return {
        "file": str(file),
        "challenge": bundle.challenge.id,
        "version": bundle.challenge.version,
        "kind": payload.kind,
        "seed": bundle.seed if kinds.find(payload.kind).is_trained else None,
        "score": grade.public_score,
        "metrics": grade.public_metrics,
        "rows": [
            {
                "id": row.id,
                "input": sample.input,
                "expected": list(kinds.find(payload.kind).expected(bundle.challenge, sample)),
                "answer": row.output,
                "score": row.score,
                "mark": mark_of(row.score, row.correct),
                "why": row.why,
            }
            for sample, row in zip(bundle.public, grade.public, strict=True)
        ],
    }


def _print(console: Console, bundle: ChallengeBundle, payload: Submitted, grade: Grade) -> None:
    kind = kinds.find(payload.kind)
    table = Table(title=f"{bundle.challenge.id} {bundle.challenge.version}: public rows", title_justify="left")
    for heading in ("row", "", "answer", "expected"):
        table.add_column(heading, overflow="fold")
    for sample, row in zip(bundle.public, grade.public, strict=True):
        came_to = kind.came_to(bundle.challenge, sample, asdict(row))
        cells = (row.id, WORDS[_mark(row)], came_to, " | ".join(kind.expected(bundle.challenge, sample)))
        table.add_row(*map(escape, cells), style="" if _mark(row) == RIGHT else "bold")
    console.print(table)
    score = "none" if grade.public_score is None else f"{grade.public_score:.4f}"
    others = "".join(f", {name} {value:.4f}" for name, value in sorted(grade.public_metrics.items()))
    seed = f", seed {bundle.seed}" if kind.is_trained else ""
    said = counted(_mark(row) for row in grade.public)
    console.print(f"score on public rows: {score}{others} ({said}{seed})", highlight=False, soft_wrap=True)


def _mark(row: GradedSample) -> str:
    return mark_of(row.score, row.correct)
