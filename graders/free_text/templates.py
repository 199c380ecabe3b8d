"""Prompt templates of the judge: a text file each in `judge_templates/`, found by its name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "judge_templates"
DEFAULT = "criteria-1"


def names() -> tuple[str, ...]:
    """Every template that can be chosen."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))


@cache
def instructions(name: str) -> str:
    """The system message of a template; the default's for an empty name. Raises KeyError for an unknown one."""
    chosen = name or DEFAULT
    if chosen not in names():
        raise KeyError(f"there is no judge template `{chosen}`; there are {', '.join(names())}")
    return (FOLDER / f"{chosen}.txt").read_text().strip()
