"""Reads answers that people have marked on a site, so that a judge can be measured on them beside the author's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from challenges.bundle import ChallengeBundle
from challenges.files.rows import read_gold
from challenges.kinds.rubric import free_text
from challenges.marks import allowed
from challenges.problems import Problem
from challenges.reading import BundleErrors
from challenges.rows import GoldAnswer
from challenges.texts import normal, several

KNOWN = "already in the challenge's files"
EXAMPLE = "with the role prompt, which would change what the judge is shown: put it into gold.jsonl"
OTHER_RUBRIC = "marked by another version of the rubric"


@dataclass(frozen=True)
class Collected:
    """Answers to measure a judge on, and how many were left out, by the reason."""

    rows: tuple[GoldAnswer, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()

    def lines(self) -> list[str]:
        """Says what was taken, in sentences."""
        taken = f"{several(len(self.rows), 'collected answer')} {_are(len(self.rows))} measured as well."
        return [taken, *(f"Left out, {reason}: {count}." for reason, count in self.left_out)]


def read_collected(path: Path, bundle: ChallengeBundle) -> Collected:
    """Reads a file as *Download the collected answers* and `manage.py export_gold` write it.

    An answer that the challenge has already is left out, and so is one whose marks do not fit the rubric. The others
    do not change the challenge: the judge is not shown them, and its digest stays.

    Raises BundleErrors if the file cannot be read, or if a line is not a row of `gold.jsonl`.
    """
    try:
        rows, problems = read_gold(path.read_bytes())
    except OSError as error:
        problem = Problem(str(path), None, f"cannot be read ({error.strerror})", "name a file of collected answers")
        raise BundleErrors([problem]) from None
    if problems:
        raise BundleErrors([replace(problem, file=str(path)) for problem in problems])
    taken, left_out = list[GoldAnswer](), Counter[str]()
    honest = [row.answer for row in bundle.gold] + [row.answer for row in bundle.benign]
    known = {normal(answer) for answer in (*honest, *(attack.answer for attack in bundle.attacks))}
    for row in rows:
        if reason := _reason(row, bundle, known):
            left_out[reason] += 1
        else:
            known.add(normal(row.answer))
            taken.append(row)
    return Collected(tuple(taken), tuple(left_out.most_common()))


def _reason(row: GoldAnswer, bundle: ChallengeBundle, known: set[str]) -> str:
    """Why a row is left out; empty if it is taken."""
    if row.is_example:
        return EXAMPLE
    rubric = {criterion.id: criterion for criterion in free_text(bundle.challenge).rubric}
    fits = row.marks.keys() == rubric.keys() and all(row.marks[id] in allowed(one) for id, one in rubric.items())
    if not fits:
        return OTHER_RUBRIC
    return KNOWN if normal(row.answer) in known else ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
