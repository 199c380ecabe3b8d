"""Attacks and honest answers before simulated judges, from an honest one to one that sends garbage.

`python -m benchmarks.attacks [--sealed] [--unseen] [--judges NAME,...] [--json FILE]` says for each judge how many
attacks reach the pass mark by the judge alone, how many end final above what they deserve after our checks, how many
honest answers end final and right, and which rules are the only reason that somebody has to look. `--gates` calibrates
the judges on the built-in questions instead. `benchmarks.attacks.replay` says how each judge behaves; the embeddings
are those of a site. `--sealed` adds the sealed rows, `--unseen` those that were written without a look at the
detectors. `--embeddings FILE` keeps embeddings between two runs.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attacks.measure import estimates_kept, gates, measure, parts
from benchmarks.attacks.replay import JUDGES
from workers.engine import embeddings
from workers.engine.watch import Watch


class Kept:
    """Sentence embeddings, each computed once; `file` keeps them for the next run."""

    def __init__(self, file: Path | None) -> None:
        self.file, self.vectors = file, dict[str, Any]()
        if file is not None and file.is_file():
            with np.load(file) as stored:
                self.vectors = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        missing = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        computed = np.asarray(embeddings.embed(missing, Watch()), dtype=np.float64)
        self.vectors.update(zip(missing, computed, strict=True))
        return [self.vectors[text] for text in texts]

    def save(self) -> None:
        if self.file is not None and self.vectors:
            # Another run may read the file meanwhile.
            whole = self.file.with_suffix(f".{os.getpid()}.npz")
            np.savez(whole, texts=np.array([*self.vectors]), vectors=np.stack([*self.vectors.values()]))
            whole.replace(self.file)


def lines(found: dict[str, Any]) -> list[str]:
    """The report for people."""
    return [line for name, row in found.items() for line in _judge(name, row)]


def _judge(name: str, row: dict[str, Any]) -> list[str]:
    attacks, honest = row["attacks"], row["honest"]
    return [
        f"{name} judge",
        f"  {attacks['texts']} attacks, {attacks['calls']} calls each",
        f"    reach the pass mark by the judge alone: {_most(attacks['alone'])}",
        f"    end final above what they deserve: {_most(attacks['above'])}: {_counts(attacks['families'])}",
        f"    a rule is the only reason that one does not: {_counts(attacks['only'])}",
        f"  {honest['texts']} honest answers, {honest['calls']} calls each",
        f"    end final: {_least(honest['final'])}; of these right: {_least(honest['right'])}",
        f"    a rule is the only reason that a right one waits: {_counts(honest['only'])}",
    ]


def gate_lines(found: dict[str, Any]) -> list[str]:
    """Returns one line for each judge, question and seed: whether the gate is open, and if not, why."""
    return [
        f"{name} judge, {row['question']}, seed {row['seed']}: "
        + ("open" if row["passed"] else f"shut: {'; '.join(row['missed'])}")
        for name, calibrations in found.items()
        for row in calibrations
    ]


def _most(row: dict[str, Any]) -> str:
    return f"{row['found']} of {row['of']} (at most {row['upper']:.1%})"


def _least(row: dict[str, Any]) -> str:
    share = "-" if row["share"] is None else f"{row['share']:.1%}"
    return f"{row['found']} of {row['of']}, {share} (at least {row['low']:.1%})"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sealed", action="store_true", help="add the sealed rows")
    parser.add_argument("--unseen", action="store_true", help="add the unseen rows")
    parser.add_argument("--gates", action="store_true", help="calibrate the judges on the built-in questions")
    parser.add_argument("--judges", default=",".join(JUDGES), help="names, separated by commas")
    parser.add_argument("--json", type=Path, help="write the report there as well")
    parser.add_argument("--embeddings", type=Path, help="keep embeddings in this .npz file")
    given = parser.parse_args()
    judges, embed = given.judges.split(","), Kept(given.embeddings)
    if unknown := set(judges) - JUDGES.keys():
        parser.error(f"there is no judge {', '.join(sorted(unknown))}; there are {', '.join(JUDGES)}")
    with estimates_kept():
        found = gates(embed, judges) if given.gates else measure(embed, parts(given.sealed, given.unseen), judges)
    embed.save()
    print("\n".join(gate_lines(found) if given.gates else lines(found)))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
