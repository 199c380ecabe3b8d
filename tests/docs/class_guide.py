"""`docs/teaching/your-class.md` as two tests follow it: its commands, and what it names on the site in a browser."""

from __future__ import annotations

import re
import shlex
from datetime import date, timedelta

from tests.docs.pages import ROOT
from tests.gradebook.imports import Known

FOLDER = ROOT / "docs" / "teaching"
PAGE = (FOLDER / "your-class.md").read_text(encoding="utf-8")
# The page says which day it takes for today. Its dates move with the real one.
TODAY = date(2027, 3, 1)
COURSE, NUMBER = "by-the-coast", "12"
# Of the roster beside the page.
PEOPLE = [
    Known("Ada", "0012345", "aaaronson", "ada@example.org"),
    Known("Bob", "0012346", "bbuilder", "bob@example.org"),
]
DAY = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)")


def sections() -> dict[str, str]:
    """The numbered sections and the last one, each by the first word of its heading."""
    parts = re.split(r"(?m)^## ", PAGE)[1:]
    return {part.split()[0].strip("."): part for part in parts}


def names(section: str) -> list[str]:
    """What a section names on the site, in the order of the page."""
    return re.findall(r"\*\*(.+?)\*\*", section)


def commands(section: str) -> list[list[str]]:
    """The commands of a section as words, whose dates are those of `moved`."""
    blocks = re.findall(r"(?ms)^```\n(.*?)^```$", section)
    return [shlex.split(moved(line)) for block in blocks for line in block.splitlines()]


def moved(text: str) -> str:
    """The text with each date as far from the real today as it is from the page's."""
    days = date.today() - TODAY
    return DAY.sub(lambda found: str(date.fromisoformat(found[0]) + days), text)


def roster() -> str:
    return (FOLDER / "roster.csv").read_text(encoding="utf-8")


def days_later(days: int, time: str) -> str:
    """A time so many days after today, as a field of the site takes it."""
    return f"{date.today() + timedelta(days=days)}T{time}"
