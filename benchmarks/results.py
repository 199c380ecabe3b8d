"""Writes `benchmarks/results.md` from the JSON files in `benchmarks/results`.

`python -m benchmarks.results`. A test holds the page equal to what this writes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import latency
from benchmarks.figures import headline, limit, measurement, record
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import FOLDER, Results
from benchmarks.fleet import report as fleet
from benchmarks.pages import report

PAGE = Path(__file__).resolve().parent / "results.md"
INTRODUCTION = """\
# Recorded results

`python -m benchmarks.results` writes this page from the files in `benchmarks/results/`; change nothing in it by hand.
[How to read it](README.md#how-to-read-a-table), [the peers](README.md#peers) and [what the figures mean for the
engine](notes/engine.md) stand elsewhere.
"""
NOTHING = "Nothing has been recorded yet: run `make bench`."


def text(folder: Path = FOLDER) -> str:
    """Markdown for all recorded files: the worst over all kinds of machines, each kind by itself, then what else is."""
    data = {file: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}
    kinds = [record.read(file) for file, found in data.items() if "rows" in found and "profiles" in found]
    clicks = [found["median"] for found in data.values() if "median" in found]
    views = [found for found in data.values() if "views" in found]
    fault_runs = [(file.stem, found) for file, found in data.items() if "kills" in found]
    fleets = [found for found in data.values() if "jobs_per_minute" in found]
    made = [headline.overall(kinds)] if kinds else []
    made += [
        *map(section, kinds),
        *map(from_click_to_grade, clicks),
        *under_faults(fault_runs),
        *map(report.recorded, views),
        *map(fleet.recorded, fleets),
    ]
    return "\n\n".join(made) or NOTHING


def section(kind: Results) -> str:
    """One kind of machine: the headline, the table, how the peers ran and who gave no figure, and the profiles."""
    measured = [row for row in kind.rows if row.ratio is not None]
    missing = [
        f"- {row.peer} {row.version}, {row.output} {row.shape}, {row.dtype}: {row.problem}"
        for row in kind.rows
        if row.problem
    ]
    parts = [f"## On {kind.machine}", f"{headline.headline(kind.rows)} {engines(kind.rows)}"]
    parts += [measurement.table(measured), *notes(measured)] if measured else []
    parts += ["Without a figure:\n\n" + "\n".join(missing)] if missing else []
    return "\n\n".join([*parts, *where_time_goes(kind)])


def notes(rows: Sequence[Measurement]) -> list[str]:
    """How the peers ran: one line for each note of a peer, with the rows that it belongs to."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            works = found.setdefault(f"{row.peer} {row.version}: {row.note}", [])
            works.append(f"{row.output} {row.shape} {row.dtype}")
    lines = [f"- {note} ({', '.join(dict.fromkeys(works))})" for note, works in found.items()]
    return ["How the peers ran:\n\n" + "\n".join(lines)] if lines else []


def engines(rows: Sequence[Measurement]) -> str:
    """Which version of our engine the figures are of, newest last."""
    counts = Counter(row.engine or "not noted" for row in rows if row.ratio is not None)
    if len(counts) < 2:
        return f"Engine {next(iter(counts), 'not noted')}."
    return "Engine versions: " + ", ".join(f"{name} ({count} rows)" for name, count in counts.items()) + "."


def where_time_goes(kind: Results) -> list[str]:
    if not kind.profiles:
        return []
    versions = ", ".join(dict.fromkeys(one.engine for one in kind.profiles))
    distance = headline.distance(kind.profiles)
    head = [f"### Where our time goes on {kind.machine}", f"Engine {versions}. {distance}".strip()]
    return [*head, limit.table(kind.profiles)]


def from_click_to_grade(median: dict[str, float]) -> str:
    return f"From click to grade, medians: {latency.line(median)}."


def under_faults(fault_runs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """A column for each run of `benchmarks.chaos`, by its file's name; nothing where there was none."""
    if not fault_runs:
        return []
    head = f"| under continuous faults | {' | '.join(name for name, _ in fault_runs)} |"
    rows = [f"| {name} | {' | '.join(str(data[name]) for _, data in fault_runs)} |" for name in fault_runs[0][1]]
    return ["\n".join([head, "|" + " --- |" * (len(fault_runs) + 1), *rows])]


def page(folder: Path = FOLDER) -> str:
    """The whole file, with its heading."""
    return f"{INTRODUCTION}\n{text(folder)}\n"


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
