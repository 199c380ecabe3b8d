"""The commands with which an author begins: `new` for courses, lessons and challenges, `fork` and `schema`.

Exit status: 0 done, 2 wrong usage: nothing was written.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.authoring.schemas import FOLDER, NAMES, schema, schema_of, write_schemas
from challenges.lint.run import inspect
from challenges.scaffold.base import Wanted
from challenges.scaffold.folders import Begun, CannotBegin, begin_challenge, begin_course, begin_lesson
from challenges.scaffold.fork import fork
from challenges.texts import several
from gradus.cli.plugins import LessonGroup

USAGE = 2
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
lessons = typer.Typer(cls=LessonGroup, no_args_is_help=True, help="Show a lesson, or write one.")


@lessons.callback()
def lesson() -> None:
    """Show a lesson, or write one."""


def new_course(
    name: Annotated[str, typer.Argument(help="The id of the course, which names its folder: lower-case words and -.")],
    lesson: Annotated[str, typer.Option(help="The id of its first lesson.")] = "first-lesson",
    into: Annotated[Path, typer.Option("--in", help="Where the course's folder is made.")] = Path(),
    json: Json = False,
) -> None:
    """Begin a course with one lesson: its folder, a README, a .gitignore and a workflow that checks and pushes it."""
    begun = _begun(lambda: begin_course(into / name, lesson))
    _tell(begun, f"gradus challenge new KIND NAME --in {begun.folder / lesson}", json)


def fork_course(
    path: Annotated[Path, typer.Argument(help="The folder of the course from which the edition is made.")],
    hidden: Annotated[
        Path | None,
        typer.Option("--hidden", metavar="FOLDER", help="New hidden rows: CHALLENGE.jsonl, or CHALLENGE/hidden.jsonl."),
    ] = None,
    name: Annotated[
        str, typer.Option("--id", help="The id of the edition. By default that of the course with -edition.")
    ] = "",
    into: Annotated[Path, typer.Option("--in", help="Where the edition's folder is made.")] = Path(),
    json: Json = False,
) -> None:
    """Make an edition of a course: everything of it but its hidden rows, which you write yourself.

    It keeps the rows of the course before in .edition, which is never pushed. `gradus challenge lint` compares both.
    """
    try:
        made = fork(path, into, name, hidden)
    except CannotBegin as error:
        raise _refused(str(error)) from None
    next_step = f"gradus challenge lint {made.folder}"
    if json:
        waiting = [{"file": str(made.folder / one.file), "rows": one.rows} for one in made.wanting]
        told = {
            "folder": str(made.folder),
            "id": made.id,
            "given": list(made.given),
            "to_write": waiting,
            "next": next_step,
        }
        typer.echo(jsonlib.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{made.folder}: written, with new hidden rows for {several(len(made.given), 'challenge')}.")
    if made.wanting:
        typer.echo("These hidden rows are left to you:")
    for one in made.wanting:
        typer.echo(f"  {made.folder / one.file}: {several(one.rows, 'row')} in the course before")
    typer.echo(f"Next: {next_step}")


@lessons.command("new")
def new_lesson(
    name: Annotated[str, typer.Argument(help="The id of the lesson, which names its folder: lower-case words and -.")],
    into: Annotated[Path, typer.Option("--in", help="The course's folder.")] = Path(),
    json: Json = False,
) -> None:
    """Begin a lesson in a course, and list it in course.yaml."""
    begun = _begun(lambda: begin_lesson(into, name))
    _tell(begun, f"gradus challenge new KIND NAME --in {begun.folder}", json)


def new_challenge(
    kind: Annotated[str, typer.Argument(help="What learners hand in: prompt, tune, rag, free_text or another kind.")],
    name: Annotated[str, typer.Argument(help="The challenge's id, which names its folder: lower-case words and -.")],
    into: Annotated[Path, typer.Option("--in", help="The lesson's folder.")] = Path(),
    answer: Annotated[str, typer.Option(help="What a model answers with: label, json or text.")] = "",
    method: Annotated[str, typer.Option(help="How a model is trained: lora, qlora, full or dpo.")] = "",
    labels: Annotated[str, typer.Option(help="The labels of answers, with commas between them.")] = "",
    json: Json = False,
) -> None:
    r"""Begin a challenge in a lesson, and list it in lesson.yaml. Only what you must write is missing.

    Each text that waits for you is marked with \[write: ...], and `gradus challenge lint` names it until it is written.
    """
    listed = tuple(label.strip() for label in labels.split(",")) if labels else ()
    begun = _begun(lambda: begin_challenge(into, kind, Wanted(name, answer, method, listed)))
    _tell(begun, f"gradus challenge lint {begun.folder}", json)


def _begun(begin: Callable[[], Begun]) -> Begun:
    try:
        return begin()
    except CannotBegin as error:
        raise _refused(str(error)) from None


def _refused(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(USAGE)


def _tell(begun: Begun, next_step: str, json: bool) -> None:
    """Prints what was written, what is left to the author, and the next command."""
    to_write = [(begun.folder / one.file, one.line, one.fix) for one in inspect(begun.folder).problems]
    if json:
        left = [{"file": str(file), "line": line, "fix": fix} for file, line, fix in to_write]
        told: dict[str, Any] = {
            "folder": str(begun.folder),
            "files": list(begun.files),
            "listed_in": str(begun.listed_in) if begun.listed_in else None,
            "to_write": left,
            "next": next_step,
        }
        typer.echo(jsonlib.dumps(told, indent=2, ensure_ascii=False))
        return
    listed = f", and listed in {begun.listed_in}" if begun.listed_in else ""
    typer.echo(f"{begun.folder}: written, with {several(len(begun.files), 'file')}{listed}.")
    typer.echo("What is left to you:")
    for file, line, fix in to_write:
        typer.echo(f"  {file}{f':{line}' if line else ''}: {fix}")
    typer.echo(f"Next: {next_step}")


def print_schema(
    file: Annotated[
        str, typer.Argument(help="A file of a bundle, such as challenge.yaml; without it, the names.")
    ] = "",
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FOLDER", help="Write all schemas into FOLDER/.schemas.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the JSON Schema (draft 7) of a file, with which editors check and complete it, or write all of them.

    The schema of a file of rows is that of one line.
    """
    if write is not None:
        _write_schemas(write, file, json)
    elif not file:
        typer.echo(jsonlib.dumps(NAMES) if json else "\n".join(NAMES))
    elif (name := schema_of(file)) is None:
        near = get_close_matches(file, NAMES, n=1)
        meant = f" Did you mean `{near[0]}`?" if near else ""
        raise _refused(f"there is no schema of `{file}`. Use one of {', '.join(NAMES)}.{meant}")
    else:
        typer.echo(jsonlib.dumps(schema(name), indent=2, ensure_ascii=False))


def _write_schemas(folder: Path, file: str, json: bool) -> None:
    if file:
        raise _refused("give the name of a file, or --write for all of them")
    if not folder.is_dir():
        raise _refused(f"there is no folder {folder}: give that of a course")
    try:
        renewed = write_schemas(folder)
    except OSError as error:
        raise _refused(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    if json:
        typer.echo(jsonlib.dumps({"folder": str(folder / FOLDER), "written": renewed}, indent=2))
        return
    typer.echo(f"{folder / FOLDER}: {several(len(renewed), 'schema')} written, {len(NAMES) - len(renewed)} up to date.")
