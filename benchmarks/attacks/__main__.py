"""`python -m benchmarks.attacks [--sealed] [--json FILE]`: attacks and honest answers before replayed judges.

A judge that is kind to everything meets the attacks; a judge with a person's marks, and one that is wrong on 5 % of its
marks (three seeds), meet the honest answers. The embeddings are those of a site. `--sealed` adds the sealed rows, which
are opened once, at the end.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.attacks.measure import measure
from workers.engine.embeddings import embed
from workers.engine.watch import Watch


def lines(found: dict[str, Any]) -> list[str]:
    """The report for people."""
    attacks = found["attacks"]
    shown = [
        f"{attacks['succeeded']} of {attacks['count']} attacks end final above what they deserve; so few still allow "
        f"{attacks['upper']:.1%} (95 % bound)"
    ]
    for name, row in attacks["families"].items():
        shown.append(f"  {name}: {row['succeeded']} of {row['count']}; stopped by {_counts(row['rules'])}")
    for name in ("honest judge", "judge with 5 % wrong marks"):
        row = found[name]
        shown.append(
            f"{name}: {row['count']} grades of honest answers, {row['final']:.1%} final, of which right {row['right']} "
            f"(Wilson's lower bound {row['right_low']})"
        )
        shown.append(f"  sent to a person by {_counts(row['alarms'])}")
    return shown


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sealed", action="store_true", help="add the sealed rows")
    parser.add_argument("--json", type=Path, help="write the report there as well")
    given = parser.parse_args()
    found = measure(lambda texts: embed(texts, Watch()), given.sealed)
    print("\n".join(lines(found)))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
