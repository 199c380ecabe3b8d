"""The page `docs/authors/messages.md`: what lint and unpacking say of each broken bundle.

`python -m tests.hostile.bundles.page` writes it anew.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from challenges.problems import Problem
from tests.challenges.factory import put_tokenizer
from tests.hostile.bundles import course
from tests.hostile.bundles.breaking import Broken
from tests.hostile.bundles.harness import answers, broken, linted
from tests.hostile.bundles.in_archives import BrokenArchive, packed
from tests.hostile.bundles.table import ARCHIVES, FOLDERS
from tests.hostile.bundles.test_archives import problems_of

PAGE = Path(__file__).parents[3] / "docs/authors/messages.md"
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
        parts = [HEAD, *_folders(Path(name)), *_archives(Path(name))]
    return "\n".join(parts)


def _folders(folder: Path) -> Iterator[str]:
    number = 0
    for title, cases in FOLDERS.items():
        rows = []
        for case in cases:
            number += 1
            rows.append((case.name, _said(case, folder / f"case-{number}")))
        yield _table(title, rows)


def _said(case: Broken, folder: Path) -> Problem:
    folder.mkdir(mode=0o755)
    root = broken(case, folder)
    found = linted(root, case)
    return next(problem for problem in (*found.problems, *found.advice) if answers(case, problem))


def _archives(folder: Path) -> Iterator[str]:
    data = packed(course.write(folder / "archive"))
    rows = [(case.name, _said_of(case, data, folder / f"unpacked-{number}")) for number, case in enumerate(ARCHIVES)]
    yield _table("Archives", rows)


def _said_of(case: BrokenArchive, data: bytes, folder: Path) -> Problem:
    found = problems_of(case.breaks(data), folder)
    return next(one for one in found if re.search(case.what, one.what) and re.search(case.fix, one.fix))


def _table(title: str, rows: list[tuple[str, Problem]]) -> str:
    lines = [f"| {name} | {_place(said)} | {_cell(said.what)} | {_cell(said.fix)} |" for name, said in rows]
    return "\n".join(
        [f"## {title}", "", "| mistake | where | what is wrong | how to fix it |", "| --- " * 4 + "|", *lines, ""]
    )


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
