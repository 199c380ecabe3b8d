"""The page `docs/authors/messages.md`: what lint and unpacking say of each broken bundle.

`python -m tests.hostile.bundles.page` writes it anew.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from pathlib import Path, PurePosixPath

from challenges.problems import Problem
from tests.challenges.factory import put_tokenizer
from tests.hostile.bundles import course
from tests.hostile.bundles.breaking import Broken
from tests.hostile.bundles.harness import broken, linted, problems_of
from tests.hostile.bundles.in_archives import packed
from tests.hostile.bundles.table import ARCHIVES, FOLDERS

PAGE = Path(__file__).parents[3] / "docs/authors/messages.md"
ARCHIVES_TITLE = "Archives"
HEAD = """\
# Messages, with their causes and cures

`gradus challenge lint`, `gradus course push` and the API say in the same words what is wrong with a course's files:

```
file:line: what is wrong: how to fix it
```

Everything is said at once. A mistake of many rows stands once, with the numbers of their lines. No message repeats \
the text of a row, so messages may appear in a log. With `--json`, and in the API's answer to a push (422, \
`bundle_problems`), each problem is an object with `file`, `line`, `what`, `fix` and `code`. A push of which \
anything is wrong stores nothing.

The tables below have an example of each mistake. They are written by `python -m tests.hostile.bundles.page`, which \
breaks a small course in each of these ways, and a test compares them. `challenge.yaml:9` is the file and the line in \
that course.
"""


def page() -> str:
    """The text of the page. It breaks the course in every way, which takes about half a minute."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        os.environ["GRADUS_DATA_DIR"] = name
        put_tokenizer(Path(name))
        return laid_out({**_of_folders(Path(name)), ARCHIVES_TITLE: _of_archives(Path(name))})


def laid_out(rows: dict[str, list[str]]) -> str:
    """The page with these rows in each table."""
    head = ["", "| mistake | where | what is wrong | how to fix it |", "| --- " * 4 + "|"]
    return "\n".join([HEAD, *("\n".join([f"## {title}", *head, *table, ""]) for title, table in rows.items())])


def recorded() -> dict[str, list[str]]:
    """The rows of each table of the page as it is."""
    tables = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {text.partition("\n")[0]: text.splitlines()[4:] for text in tables}


def row(name: str, said: Problem) -> str:
    """What the page says of the mistake of that name."""
    return f"| {name} | {_place(said)} | {_cell(said.what)} | {_cell(said.fix)} |"


def _of_folders(folder: Path) -> dict[str, list[str]]:
    numbers = itertools.count(1)
    return {
        title: [row(case.name, _said(case, folder / f"case-{next(numbers)}")) for case in cases]
        for title, cases in FOLDERS.items()
    }


def _said(case: Broken, folder: Path) -> Problem:
    folder.mkdir(mode=0o755)
    found = linted(broken(case, folder), case)
    return next(one for one in (*found.problems, *found.advice) if (one.file, one.line) == (case.file, case.line))


def _of_archives(folder: Path) -> list[str]:
    data, found = packed(course.write(folder / "archive")), []
    for number, case in enumerate(ARCHIVES):
        problems = problems_of(case.breaks(data), folder / f"unpacked-{number}")
        found.append(row(case.name, next(one for one in problems if one.file == case.file)))
    return found


def _place(problem: Problem) -> str:
    name = PurePosixPath(problem.file).name or problem.file
    return f"`{name}:{problem.line}`" if problem.line else f"`{name}`"


def _cell(text: str) -> str:
    """A message as text of a table of Markdown: what is not code shows its signs as they are."""
    parts = re.split(r"(`[^`]+`)", text)
    parts[::2] = [re.sub(r"([<*_`\[])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
