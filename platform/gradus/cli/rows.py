"""The commands `gradus challenge rows` and `gradus challenge dedupe`, which work on an author's data."""

from __future__ import annotations

import codecs
import json as jsonlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from challenges.characters import cleaned
from challenges.files.writing import write_whole
from challenges.lint.run import inspect
from challenges.problems import Problem
from challenges.tables import report
from challenges.tables.duplicates import Compared, Item, Likeness, compare, read_items, removable
from challenges.tables.entries import Columns
from challenges.tables.formats import TableErrors, without_records
from challenges.tables.imports import Imported, Options, import_rows
from challenges.tables.near import BY_MEANING, Embed
from challenges.texts import several
from gradus.cli import output as showing
from gradus.cli.plugins import MissingExtra, load

EMBED = "challenge.embed"
WORDS = f"Words: {' / '.join(report.QUANTILES)}"
Column = str | None
SHOWN = 70
# Encodings of names and of source text, in which no program writes a table.
NO_TABLES = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined")
TITLES = {
    Likeness.CONTRADICTION: "Contradictions: one text, or nearly, with two answers",
    Likeness.DUPLICATE: "Duplicates",
    Likeness.NEAR_DUPLICATE: "Near-duplicates",
}


def rows(
    file: Annotated[Path, typer.Argument(help="The table: CSV, JSON Lines, a list in JSON, or Parquet.")],
    text: Annotated[str, typer.Option(help="The column of the inputs.")],
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="The column of the answers. Several of them, also as FIELD=COLUMN, make a JSON object. "
            "For free text, the column of a criterion's marks, as CRITERION=COLUMN."
        ),
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
    most: Annotated[int, typer.Option(min=0, help="Take at most so many rows; 0: as many as the files hold.")] = 1000,
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
    that a part holds already stay in it. For a question with free answers, --text is the column of the answers and each
    criterion has a column of marks: met, partial or not_met. They become gold.jsonl.

    Exit status: 0 the rows are written, 1 they are not, with the reasons, 2 an option is wrong.
    """
    columns = Columns(text, tuple(label or ()), documents or "", chosen or "", rejected or "", id or "")
    _refuse_empty({"--text": [text], "--label": label or ()})
    if bool(chosen) != bool(rejected):
        raise typer.BadParameter("Give both --chosen and --rejected.")
    options = Options(columns, _shares(split), seed, rare, most, private, words_max, afresh, _known(encoding))
    try:
        found = import_rows(file, to, options, _embed())
    except TableErrors as errors:
        _refuse(errors.problems, json)
    written = update or not found.overwrites
    try:
        if written:
            found.write()
    except OSError as error:
        _refuse([_unwritable(to, error)], json)
    needs = [*found.needs, *(_still_wrong(to, found.needs) if written else ())]
    if json:
        showing.as_json(report.as_dict(found, needs, written=written))
    else:
        _show(found, to, needs, written)
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


def _refuse_empty(columns: Mapping[str, Sequence[str]]) -> None:
    """Raises BadParameter for an option that names a column and is empty."""
    for option, names in columns.items():
        if not all(name.strip() for name in names):
            raise typer.BadParameter(f"{option} is empty. Give the name of a column.")


def _known(encoding: str) -> str:
    try:
        "".encode(encoding or "utf-8")
        is_known = codecs.lookup(encoding or "utf-8").name not in NO_TABLES
    except (LookupError, UnicodeError, ValueError):
        is_known = False
    if not is_known:
        raise typer.BadParameter(f"There is no encoding {encoding}. Known are utf-8, utf-16, cp1252, latin-1.")
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


def _unwritable(path: Path, error: OSError) -> Problem:
    return Problem(str(error.filename or path), None, f"cannot be written ({error.strerror})", "make it writable")


def _still_wrong(folder: Path, known: Sequence[Problem]) -> list[Problem]:
    """What lint says of the folder now, apart from similarity."""
    found = [replace(one, file=str(folder / one.file)) for one in inspect(folder).problems]
    return [one for one in found if one not in known]


def _show(found: Imported, folder: Path, needs: Sequence[Problem], written: bool) -> None:
    used = sum(map(len, found.parts.values()))
    showing.table(f"{found.file}: {used:,} rows are used", ("Part", "Rows", WORDS), report.part_rows(found))
    if any(report.label_rows(found)):
        showing.table("Rows by label", ("Label", *found.parts), report.label_rows(found))
    for line in report.lines(found):
        typer.echo(line)
    if written and found.spec is not None:
        typer.echo(f"{folder / 'challenge.yaml'}: the labels or fields of the table are filled in")
    now = [one for one in needs if one in found.needs or Path(one.file).name in found.files]
    for one in now:
        typer.echo(f"still to do: {one}")
    if len(now) < len(needs):
        others = several(len(needs) - len(now), "other thing")
        typer.echo(f"still to do: {others}, which `gradus challenge lint {folder}` lists")
    if not written:
        typer.echo(f"{folder}: nothing was written, because rows that stand there would change: -u writes all the same")


def dedupe(
    path: Annotated[Path, typer.Argument(help="A table, a file of rows, or the folder of a challenge.")],
    text: Annotated[str, typer.Option(help="For a table: the column of the texts.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="For a table: a column of the answers; needed with -u.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", "-u", help="Remove all but the first row of each group.")] = False,
    hidden: Annotated[bool, typer.Option("--hidden", help="With -u: remove rows of hidden.jsonl as well.")] = False,
    encoding: Annotated[str, typer.Option(help="The encoding of a table that is not UTF-8, such as cp1252.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """List rows that repeat or nearly repeat another one, those with contradicting answers first.

    With -u, a row goes if an earlier one of the same file has its text, or nearly, and the same answer and all else but
    the id. The removed rows are written to a report beside the file. Contradictions, and rows in two files, are for you
    to decide.

    Exit status: 0 nothing is left that repeats, 1 something is, or the file cannot be read, 2 an option is wrong.
    """
    _refuse_empty({"--label": label or ()})
    if update and text and not label:
        told = "With -u, name the columns of the answers with --label, so that no row with another answer goes."
        raise typer.BadParameter(told)
    written = None
    try:
        found = compare(read_items(path, text, label or (), _known(encoding)), _embed())
        gone = removable(found.pairs, hidden=hidden) if update else {}
        cuts = {name: without_records(Path(name), lines, text, encoding) for name, lines in gone.items()}
        # The report comes first, so that no row is lost whatever cannot be written.
        removed = {name: records for name, (records, _) in cuts.items()}
        written = _write_removed(path, found, gone, removed) if removed else None
        for name, (_, rest) in cuts.items():
            write_whole(Path(name), rest)
    except TableErrors as errors:
        _refuse(errors.problems, json)
    except OSError as error:
        _refuse([_unwritable(path, error)], json)
    left = [pair for pair in found.pairs if pair.row.line not in gone.get(pair.row.file, ())]
    if json:
        showing.as_json(
            {
                "rows": found.rows,
                "near_duplicates_by": found.by,
                "pairs": [pair.as_dict() for pair in found.pairs],
                "removed": gone,
                "report": written and str(written),
            }
        )
    else:
        _show_pairs(path, found)
        for name, lines in gone.items():
            typer.echo(f"{name}: {several(len(lines), 'row')} removed; the report with these rows is {written}")
        if update and left:
            typer.echo(f"{several(len(left), 'row')} left for you to decide")
    raise typer.Exit(1 if left else 0)


def _write_removed(
    path: Path, found: Compared, gone: Mapping[str, Sequence[int]], removed: Mapping[str, Sequence[str]]
) -> Path:
    """Writes the rows that go and what they repeat, beside earlier reports.

    A name with a dot in front is in no archive of the course.
    """
    path = path.resolve()
    names = (f".{path.name}.dedupe{f'-{number}' if number > 1 else ''}.json" for number in count(1))
    report_file = next(file for name in names if not os.path.lexists(file := path.parent / name))
    pairs = [pair.as_dict() for pair in found.pairs if pair.row.line in gone.get(pair.row.file, ())]
    content = {"by": found.by, "pairs": pairs, "removed": removed}
    write_whole(report_file, (jsonlib.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    return report_file


def _show_pairs(path: Path, found: Compared) -> None:
    if not found.by:
        typer.echo(f"{found.rows:,} rows are too many to look for near-duplicates: only equal texts were looked for")
    elif found.by != BY_MEANING:
        typer.echo(report.finds_fewer())
    for likeness, pairs in groupby(found.pairs, key=lambda pair: pair.likeness):
        rows = [
            (f"{pair.similarity:.2f}", pair.of.place, _short(pair.of), pair.row.place, _short(pair.row))
            for pair in pairs
        ]
        showing.table(TITLES[likeness], ("Similarity", "Row", "", "is repeated by", ""), rows)
    if not found.pairs:
        typer.echo(f"{path}: no row of {found.rows:,} repeats another one")


def _short(item: Item) -> str:
    """The beginning of a row's text with its answer."""
    text = " ".join(item.text.split())
    answer = f" -> {item.answer}" if item.answer else ""
    shown: str = cleaned((text if len(text) <= SHOWN else f"{text[:SHOWN]}...") + answer)
    return shown
