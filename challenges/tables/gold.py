"""Marked answers to a question in free text, from a table with a column for each criterion: gold.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from challenges.characters import unwanted
from challenges.files.rows import ANSWERS
from challenges.marks import GIVEN
from challenges.problems import Problem
from challenges.rows import GoldRole
from challenges.tables.entries import Columns, Dropped, Entries, Entry, Reason, without_equal
from challenges.tables.formats import Record, TableErrors, text_of
from challenges.tables.target import Target, field_and_column, spec_problem
from challenges.texts import normal

ROLES: tuple[str, ...] = get_args(GoldRole)
# The judge is shown at least so many answers, and measured on most of the others.
SHOWN_MIN = 5
SHARES = (0.1, 0.7, 0.2)
MET, PARTIAL, NOT_MET = GIVEN
SPELLINGS = {
    MET: ("met", "yes", "true", "y", "1", "1.0", "full"),
    PARTIAL: ("partial", "half", "0.5", ".5", "partly"),
    NOT_MET: ("not_met", "not met", "no", "false", "n", "0", "0.0", "none"),
}
MARKS = {spelled: mark for mark, spellings in SPELLINGS.items() for spelled in spellings}


def criteria_of(target: Target, columns: Columns, file: str) -> dict[str, str]:
    """The column of each criterion: of its id, or as `--label CRITERION=COLUMN`. Raises `TableErrors`."""
    rubric = target.located.data.get("rubric")
    listed = rubric if isinstance(rubric, list) else []
    names = [str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one]
    if not names:
        raise TableErrors([spec_problem(target, ("rubric",), "there is no criterion with an id", "write the rubric")])
    given = dict(field_and_column(name) for name in columns.labels)
    if set(given) != set(names):
        what = f"the criteria are {', '.join(names)}, but --label gives {', '.join(given) or 'none'}"
        raise TableErrors([Problem(file, None, what, "name a column for each, also as --label CRITERION=COLUMN")])
    return {name: given[name] for name in names}


def read_gold_entries(
    file: str, records: Sequence[Record], columns: Columns, criteria: Mapping[str, str], halves: frozenset[str]
) -> Entries:
    """The marked answers of a table. `halves` are the criteria of which half can be met."""
    found = Entries(file, [], [], [])
    for record in records:
        cells = dict(zip(columns.names, map(text_of, record.cells), strict=True))
        entry = _entry(record.line, cells[columns.text], {name: cells[criteria[name]] for name in criteria}, halves)
        if isinstance(entry, Dropped):
            found.dropped.append(entry)
        else:
            found.rows.append(entry)
    found.rows = without_equal(found)
    return found


def halves_of(target: Target) -> frozenset[str]:
    """The ids of the criteria of which half can be met."""
    rubric = target.located.data.get("rubric")
    listed = rubric if isinstance(rubric, list) else []
    return frozenset(str(one.get("id")) for one in listed if isinstance(one, dict) and one.get("partial") == "half")


def _entry(line: int, answer: str, given: Mapping[str, str], halves: frozenset[str]) -> Entry | Dropped:
    if not answer:
        return Dropped(line, Reason.EMPTY, "the answer is empty", "fill it in, or remove the row")
    marks: dict[str, str] = {}
    for criterion, cell in given.items():
        mark = MARKS.get(cell.casefold())
        if mark is None or (mark == PARTIAL and criterion not in halves):
            allowed = ", ".join(GIVEN if criterion in halves else (MET, NOT_MET))
            what = f"the mark of {criterion} is {'empty' if not cell else 'none that the criterion has'}"
            return Dropped(line, Reason.EMPTY, what, f"write one of {allowed}")
        marks[criterion] = mark
    if len(answer.encode(errors="replace")) > ANSWERS.row_bytes_max // 2:
        return Dropped(line, Reason.TOO_LONG, "the answer is too long", "shorten it")
    if (character := unwanted(answer, unseen=True)) is not None:
        return Dropped(line, Reason.CHARACTER, f"holds the unseen character {character}", "remove it")
    return Entry(line, answer, marks, normal(answer), stratum=_third(marks))


def _third(marks: Mapping[str, str]) -> str:
    """The third in which an answer's share of met criteria lies: a gate asks for answers in each."""
    share = sum({MET: 1.0, PARTIAL: 0.5}.get(mark, 0.0) for mark in marks.values()) / len(marks)
    return "upper third" if share >= 2 / 3 else "middle third" if share >= 1 / 3 else "lower third"


def shares_of_roles(split: Sequence[float], count: int) -> dict[str, float]:
    """The share of each role: as given, else mostly for calibration, with at least five answers to show."""
    shares = list(split or SHARES)
    if not split and count:
        shown = max(SHARES[0], (SHOWN_MIN + 0.5) / count)
        rest = 1 - min(shown, 1.0)
        shares = [min(shown, 1.0), rest * SHARES[1] / sum(SHARES[1:]), rest * SHARES[2] / sum(SHARES[1:])]
    return {role: share for role, share in zip(ROLES, shares, strict=False) if share > 0}


def gold_rows(parts: Mapping[str, Sequence[Entry]]) -> dict[str, dict[str, Any]]:
    """The rows of gold.jsonl by the key of their text."""
    return {row.key: {"answer": row.input, "marks": row.target, "role": role} for role in parts for row in parts[role]}
