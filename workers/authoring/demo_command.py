"""The command `gradus challenge demo`: prints the answers of a lesson's demo, and retrains its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from challenges.course_bundle import LessonBundle
from challenges.lesson.demo import PANELS, Said, said
from challenges.reading import BundleErrors, read_lesson
from workers.authoring import demos, measured
from workers.authoring.local_runner import own_runner
from workers.sandbox.supervisor import Runner

console = Console()


def demo(
    path: Annotated[Path, typer.Argument(help="The folder of a lesson that has a demo.")],
    train: Annotated[bool, typer.Option(help="First retrain the adapter, which takes minutes.")] = False,
    record: Annotated[bool, typer.Option(help="Write the answers to the first example to measured.json.")] = False,
) -> None:
    """Ask the base model about the demo's examples, and fit the temperature of its adapter on the public rows.

    Exit status: 0; or 1 if the bundle has errors, has no demo, or states a temperature other than the fitted one.
    """
    runner = own_runner()
    try:
        lesson = read_lesson(path)
        if train:
            _train(lesson, path, runner)
            lesson = read_lesson(path)
        _print(lesson, runner)
        fits = _temperature(lesson, runner)
        if record:
            console.print(f"written: {measured.write_demo(path, demos.record(lesson, runner))}")
    except (BundleErrors, demos.NoDemo) as error:
        console.print(str(error), highlight=False)
        raise typer.Exit(1) from None
    finally:
        runner.close()
    raise typer.Exit(0 if fits else 1)


def _train(lesson: LessonBundle, path: Path, runner: Runner) -> None:
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("training the adapter", total=None)

        def report(event: dict[str, Any]) -> None:
            if event["type"] == "loss":
                progress.update(bar, total=event["steps"], completed=event["step"])

        demos.train(lesson, path, runner, report)


def _print(lesson: LessonBundle, runner: Runner) -> None:
    spec, _ = demos.of(lesson)
    answers = demos.ask(lesson, spec.chips, runner)
    table = Table(title=spec.title, title_justify="left", show_lines=True)
    for heading in ("example", *PANELS):
        table.add_column(heading)
    for index, chip in enumerate(spec.chips):
        table.add_row(chip, *(_cell(said(spec, panel, answers[panel][index])) for panel in PANELS))
    console.print(table)


def _cell(answer: Said) -> str:
    lines = [f"{m.label} {m.share:.2f} {m.condition}".strip() for m in (*answer.meters, *answer.related)]
    return "\n".join([answer.answer, *lines])


def _temperature(lesson: LessonBundle, runner: Runner) -> bool:
    spec, challenge = demos.of(lesson)
    fitted = demos.temperature(lesson, runner)
    console.print(f"temperature fitted on {len(challenge.public)} public rows: {fitted:.2f}")
    if fitted != spec.temperature:
        console.print(f"lesson.yaml says {spec.temperature:.2f}: write `temperature: {fitted:.2f}` there")
    return fitted == spec.temperature
