"""The commands `gradus challenge rows` and `gradus challenge dedupe`, which work on an author's data."""

from __future__ import annotations

import codecs
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from challenges.lint.run import inspect
from challenges.problems import Problem
from challenges.tables import report
from challenges.tables.entries import Columns
from challenges.tables.formats import TableErrors
from challenges.tables.imports import Imported, Options, import_rows
from challenges.tables.near import Embed
from gradus.cli import output as showing
from gradus.cli.plugins import MissingExtra, load

EMBED = "challenge.embed"
WORDS = f"Words: {' / '.join(report.QUANTILES)}"
Column = str | None


def rows(
    file: Annotated[Path, typer.Argument(help="The table: CSV, JSON Lines, a list in JSON, or Parquet.")],
    text: Annotated[str, typer.Option(help="The column of the inputs.")],
    label: Annotated[
        list[str] | None,
        typer.Option(help="The column of the answers. Several of them, also as FIELD=COLUMN, make a JSON object."),
    ] = None,
    to: Annotated[Path, typer.Option(help="The folder of the challenge.")] = Path(),
    split: Annotated[
        str, typer.Option(help="The shares of public, hidden and training rows, such as 0.2/0.6/0.2 or 0.25/0.75.")
    ] = "",
    documents: Annotated[Column, typer.Option(help="The column with the ids of the right documents.")] = None,
    chosen: Annotated[Column, typer.Option(help="The column of the answers that are preferred.")] = None,
    rejected: Annotated[Column, typer.Option(help="The column of the answers that are not preferred.")] = None,
    id: Annotated[
        Column, typer.Option("--id", help="The column of the ids. Without it, ids come from the texts.")
    ] = None,
    private: Annotated[
        float, typer.Option(min=0, max=0.9, help="The share of the hidden rows that count only for final ranks.")
    ] = 0.0,
    rare: Annotated[int, typer.Option(min=0, help="Leave out labels with fewer rows than this.")] = 0,
    most: Annotated[int, typer.Option(min=0, help="Take at most so many rows, 0 for all that the files hold.")] = 0,
    words_max: Annotated[
        int, typer.Option(min=1, max=1000, help="With the metric required_content: the words that an answer may have.")
    ] = 40,
    seed: Annotated[int, typer.Option(help="Another seed draws other parts.")] = 0,
    encoding: Annotated[str, typer.Option(help="The encoding of a table that is not UTF-8, such as cp1252.")] = "",
    afresh: Annotated[bool, typer.Option("--afresh", help="Draw the part of every row anew.")] = False,
    update: Annotated[
        bool, typer.Option("--update", "-u", "--force", help="Write also where rows of your own would change.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Make public.jsonl, hidden.jsonl and train.jsonl of a challenge from a table.

    Labels and lengths are alike in all parts, and no text stands in two of them or nearly repeats another one. Rows
    that a part holds already stay in it.

    Exit status: 0 the rows are written, 1 they are not, with the reasons, 2 an option is wrong.
    """
    columns = Columns(text, tuple(label or ()), documents or "", chosen or "", rejected or "", id or "")
    if bool(chosen) != bool(rejected):
        raise typer.BadParameter("Give both --chosen and --rejected.")
    options = Options(columns, _shares(split), seed, rare, most, private, words_max, afresh, _known(encoding))
    try:
        found = import_rows(file, to, options, _embed())
    except TableErrors as errors:
        _refuse(errors.problems, json)
    written = update or not found.overwrites
    if written:
        found.write()
        found.needs = [*found.needs, *_still_wrong(to, found.needs)]
    if json:
        showing.as_json(report.as_dict(found, written=written))
    else:
        _show(found, to, written)
    raise typer.Exit(0 if written else 1)


def _shares(split: str) -> tuple[float, ...]:
    if not split:
        return ()
    try:
        shares = tuple(float(part) for part in split.split("/"))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or not all(0 <= share < 1 for share in shares) or min(shares[:2], default=0) == 0:
        raise typer.BadParameter("Write the shares of public, hidden and training rows, such as 0.2/0.6/0.2.")
    if not math.isclose(sum(shares), 1, abs_tol=0.001):
        raise typer.BadParameter(f"The shares of --split add up to {sum(shares):g}. Make it 1, such as 0.2/0.6/0.2.")
    return shares


def _known(encoding: str) -> str:
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise typer.BadParameter(
            f"There is no encoding {encoding}. Known are utf-8, utf-16, cp1252, latin-1."
        ) from None
    return encoding


def _embed() -> Embed | None:
    """The sentence embeddings that lint uses, or None without the worker extra."""
    try:
        embed: Embed = load(EMBED)
    except (MissingExtra, ImportError):
        return None
    return embed


def _refuse(problems: Sequence[Problem], json: bool) -> NoReturn:
    if json:
        showing.as_json({"written": False, "problems": [report.problem_as_dict(one) for one in problems]})
    else:
        typer.echo("\n".join(map(str, problems)), err=True)
    raise typer.Exit(1)


def _still_wrong(folder: Path, known: Sequence[Problem]) -> list[Problem]:
    """What lint says of the folder now, apart from similarity."""
    found = [replace(one, file=str(folder / one.file)) for one in inspect(folder).problems]
    return [one for one in found if one not in known]


def _show(found: Imported, folder: Path, written: bool) -> None:
    used = sum(map(len, found.parts.values()))
    showing.table(f"{found.file}: {used:,} rows are used", ("Part", "Rows", WORDS), report.part_rows(found))
    if any(report.label_rows(found)):
        showing.table("Rows by label", ("Label", *found.parts), report.label_rows(found))
    for line in report.lines(found):
        typer.echo(line)
    if not written:
        typer.echo(f"{folder}: nothing was written, because rows that stand there would change: -u writes all the same")
    elif found.spec is not None:
        typer.echo(f"{folder / 'challenge.yaml'}: the labels or fields of the table are filled in")
