"""Loads the judge's prompt templates, each a text file in `judge_templates/`, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "judge_templates"
DEFAULT = "criteria-1"


def names() -> tuple[str, ...]:
    """The names of all templates."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))


@cache
def instructions(name: str) -> str:
    """The system message of a template; "" means the default template. Raises KeyError for an unknown name."""
    chosen = name or DEFAULT
    if chosen not in names():
        raise KeyError(f"there is no judge template `{chosen}`; there are {', '.join(names())}")
    return (FOLDER / f"{chosen}.txt").read_text().strip()
