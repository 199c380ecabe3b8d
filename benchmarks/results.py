"""Fills the marked place of `benchmarks/README.md` from the JSON files in `benchmarks/results`; a test compares.

`python -m benchmarks.results`
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
README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"
NOTHING = "Nothing has been recorded yet: run the commands above with `--json benchmarks/results/NAME.json`."
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
    notes = [
        f"- {row.peer} {row.version}, {row.output} {row.shape}, {row.dtype}: {row.note}" for row in measured if row.note
    ]
    missing = [
        f"- {row.peer} {row.version}, {row.output} {row.shape}, {row.dtype}: {row.problem}"
        for row in rows
        if row.problem
    ]
    parts = [f"On {machine}. {headline.headline(rows)}. {engines(rows)}", "\n".join(table)]
    parts += ["How the peers ran:\n\n" + "\n".join(dict.fromkeys(notes))] if notes else []
    parts += ["Without a figure:\n\n" + "\n".join(missing)] if missing else []
    return "\n\n".join(parts)


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
        made.append(f"Where our time goes, on {machine}, engine {versions}:\n\n{profile.table(found)}")
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


def inside(readme: str) -> str:
    """What stands between the marks."""
    return readme.split(BEGIN)[1].split(END)[0].strip()


def filled(readme: str, found: str) -> str:
    head, tail = readme.split(BEGIN)[0], readme.split(END)[1]
    return f"{head}{BEGIN}\n{found}\n{END}{tail}"


def main() -> None:
    README.write_text(filled(README.read_text(), text()))


if __name__ == "__main__":
    main()
