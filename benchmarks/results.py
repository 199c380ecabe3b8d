"""Writes `benchmarks/results.md` from the JSON files in `benchmarks/results`.

`python -m benchmarks.results`. A test holds the page equal to what this writes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import headline, latency, measurement, profile, record
from benchmarks.measurement import Measurement
from benchmarks.profile import Profile

FOLDER = Path(__file__).resolve().parent / "results"
PAGE = Path(__file__).resolve().parent / "results.md"
INTRODUCTION = """\
# Recorded results

`python -m benchmarks.results` writes this page from the files in `benchmarks/results/`; change nothing in it by hand.
[How to read it](README.md#how-to-read-a-table), [the peers](README.md#peers) and [what the figures mean for the
engine](notes/engine.md) stand elsewhere.
"""
NOTHING = "Nothing has been recorded yet: run a benchmark with `--json benchmarks/results/NAME.json`."
HEAD = (
    "| work | shape | dtype | threads | peer | ours, s | peer, s | ratio | largest difference, ours / peer | "
    "equal answers, ours / peer |"
)


def text(folder: Path = FOLDER) -> str:
    """Markdown for all recorded files: by machine, a table, the headline, and who gave no figure."""
    files = [(file, json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
    rows = [row for file, data in files if isinstance(data, list) for row in record.read(file)]
    dicts = [(file, data) for file, data in files if isinstance(data, dict)]
    profiles = [one for file, data in dicts if "profiles" in data for one in profile.read(file)]
    clicks = [data["median"] for _, data in dicts if "median" in data]
    fault_runs = [(file.stem, data) for file, data in dicts if "kills" in data]
    machines = dict.fromkeys(row.machine for row in rows)
    made = [section(name, [row for row in rows if row.machine == name]) for name in machines]
    made += [*where_time_goes(profiles), *map(from_click_to_grade, clicks), *under_faults(fault_runs)]
    return "\n\n".join(made) or NOTHING


def section(machine: str, rows: Sequence[Measurement]) -> str:
    measured = [row for row in rows if row.ratio is not None]
    table = [HEAD, "|" + " --- |" * 10, *map(line, measured)]
    missing = [
        f"- {row.peer} {row.version}, {row.output} {row.shape}, {row.dtype}: {row.problem}"
        for row in rows
        if row.problem
    ]
    parts = [f"## On {machine}", f"{headline.headline(rows)}. {engines(rows)}", "\n".join(table), *notes(measured)]
    parts += ["Without a figure:\n\n" + "\n".join(missing)] if missing else []
    return "\n\n".join(parts)


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


def where_time_goes(profiles: Sequence[Profile]) -> list[str]:
    """A table for each machine."""
    made = []
    for machine in dict.fromkeys(one.machine for one in profiles):
        found = [one for one in profiles if one.machine == machine]
        versions = ", ".join(dict.fromkeys(one.engine for one in found))
        made.append(f"## Where our time goes on {machine}\n\nEngine {versions}.\n\n{profile.table(found)}")
    return made


def line(row: Measurement) -> str:
    timed = f" ({row.timed_rows} of {row.rows}, scaled)" if row.scaled else ""
    cells = [
        row.output,
        row.shape,
        row.dtype,
        str(row.threads),
        f"{row.peer} {row.version}",
        f"{row.ours_s:.2f}",
        f"{row.peer_s:.2f}{timed}",
        f"**{row.ratio:.2f}**",
        f"{measurement.short(row.max_abs_diff)} / {measurement.short(row.peer_max_abs_diff)}",
        f"{measurement.share(row.agree)} / {measurement.share(row.peer_agree)}",
    ]
    return f"| {' | '.join(cells)} |"


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
