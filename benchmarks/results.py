"""Fills the marked place of `benchmarks/README.md` from the JSON files in `benchmarks/results`; a test compares.

`python -m benchmarks.results`
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import latency, measurement
from benchmarks.measurement import Measurement

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
    rows = [row for file, data in files if isinstance(data, list) for row in measurement.read(file)]
    clicks = [data["median"] for _, data in files if isinstance(data, dict) and "median" in data]
    storms = [(file.stem, data) for file, data in files if isinstance(data, dict) and "kills" in data]
    machines = dict.fromkeys(row.machine for row in rows)
    made = [section(name, [row for row in rows if row.machine == name]) for name in machines]
    return "\n\n".join([*made, *map(from_click_to_grade, clicks), *under_faults(storms)]) or NOTHING


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
    parts = [f"On {machine}. {measurement.headline(rows)}.", "\n".join(table)]
    parts += ["How the peers ran:\n\n" + "\n".join(dict.fromkeys(notes))] if notes else []
    parts += ["Without a figure:\n\n" + "\n".join(missing)] if missing else []
    return "\n\n".join(parts)


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


def under_faults(storms: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """A column for each run of `benchmarks.chaos`, by its file's name; nothing where there was none."""
    if not storms:
        return []
    head = f"| under continuous faults | {' | '.join(name for name, _ in storms)} |"
    rows = [f"| {name} | {' | '.join(str(data[name]) for _, data in storms)} |" for name in storms[0][1]]
    return ["\n".join([head, "|" + " --- |" * (len(storms) + 1), *rows])]


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
