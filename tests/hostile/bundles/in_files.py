"""Files that are missing, empty, of the wrong type, or badly named."""

from __future__ import annotations

import os

from tests.hostile.bundles.breaking import Break, Broken, both, put, remove
from tests.hostile.bundles.course import CHALLENGE, LIBRARY, QUESTION

SPEC = f"{CHALLENGE}/challenge.yaml"
LESSON = "first/lesson.yaml"
STATEMENT = f"{CHALLENGE}/statement.md"
HIDDEN = f"{CHALLENGE}/hidden.jsonl"
DOCUMENTS = f"{LIBRARY}/documents"


def folder(file: str) -> Break:
    """Puts an empty folder in place of a file."""
    return both(remove(file), lambda root: (root / file).mkdir())


def link(file: str, target: str) -> Break:
    """Puts a symbolic link to `target`, relative to the course's folder, in place of a file or folder."""
    return both(remove(file), lambda root: (root / file).symlink_to((root / target).resolve()))


def fifo(file: str) -> Break:
    """Puts a pipe, which blocks whoever opens it, in place of a file."""
    return both(remove(file), lambda root: os.mkfifo(root / file))


def move(file: str, to: str) -> Break:
    return lambda root: (root / file).rename(root / to)


CASES = (
    Broken(
        "an empty folder", lambda root: [remove(name)(root) for name in ("course.yaml", "first", "second")], ".", None
    ),
    Broken("no course.yaml", remove("course.yaml"), ".", None),
    Broken("no lesson.yaml", remove(LESSON), "course.yaml", 8),
    Broken("no lesson.md", remove("first/lesson.md"), "first/lesson.md", None, most=2),
    Broken("no challenge.yaml", remove(SPEC), LESSON, 5),
    Broken("no statement.md", remove(STATEMENT), STATEMENT, None),
    Broken("no solution.md", remove(f"{CHALLENGE}/solution.md"), f"{CHALLENGE}/solution.md", None),
    Broken("no hidden.jsonl", remove(HIDDEN), HIDDEN, None, most=2),
    Broken("no gold.jsonl", remove(f"{QUESTION}/gold.jsonl"), f"{QUESTION}/gold.jsonl", None),
    Broken("no baseline", remove(f"{CHALLENGE}/baselines/good.yaml"), f"{CHALLENGE}/baselines/good.yaml", None),
    Broken("course.yaml is empty", put("course.yaml", ""), "course.yaml", 1),
    Broken("lesson.yaml is empty", put(LESSON, "\n"), LESSON, 1),
    Broken("a baseline is empty", put(f"{CHALLENGE}/baselines/weak.yaml", ""), f"{CHALLENGE}/baselines/weak.yaml", 1),
    Broken("public.jsonl is empty", put(f"{CHALLENGE}/public.jsonl", ""), f"{CHALLENGE}/public.jsonl", None),
    Broken("statement.md is empty", put(STATEMENT, " \n"), STATEMENT, None, is_advice=True),
    Broken("an empty document", put(f"{DOCUMENTS}/cards.md", ""), f"{DOCUMENTS}/cards.md", None, most=3),
    Broken("a folder named challenge.yaml", folder(SPEC), SPEC, None),
    Broken("a folder named hidden.jsonl", folder(HIDDEN), HIDDEN, None, most=2),
    Broken("a file named like a lesson", both(remove("second"), put("second", "text")), "course.yaml", 9),
    Broken(
        "a file that may not be read", lambda root: (root / STATEMENT).chmod(0), STATEMENT, None, needs_permission=True
    ),
    Broken("a link to a file of the course", link(STATEMENT, f"{CHALLENGE}/solution.md"), STATEMENT, None),
    Broken("a link out of the course", link(STATEMENT, "../secret.md"), STATEMENT, None),
    Broken(
        "a folder that is a link",
        both(move("second", "../second"), lambda root: (root / "second").symlink_to((root / "../second").resolve())),
        "second/lesson.yaml",
        None,
        most=3,
    ),
    Broken("a pickle", put("first/model.pkl", "cos\nsystem\n."), "first/model.pkl", None),
    Broken("a file of no type", put("first/model", "text"), "first/model", None),
    Broken("a pipe", fifo(STATEMENT), STATEMENT, None),
    Broken("a name with a colon", put(f"{DOCUMENTS}/a:b.md", "A text.\n"), f"{DOCUMENTS}/a:b.md", None, most=2),
    Broken("a name with a backslash", put(f"{DOCUMENTS}/a\\b.md", "A text.\n"), f"{DOCUMENTS}/a\\b.md", None, most=2),
    Broken("a name with a line break", put(f"{DOCUMENTS}/a\nb.md", "A text.\n"), f"{DOCUMENTS}/a\\nb.md", None, most=2),
    Broken("two names that differ in case", put(f"{DOCUMENTS}/CARDS.md", "A text.\n"), f"{DOCUMENTS}/cards.md", None),
    Broken("a document that is no text", put(f"{DOCUMENTS}/scan.pdf", b"%PDF-1.7\n"), f"{DOCUMENTS}/scan.pdf", None),
    Broken("a folder's name with a space", move(CHALLENGE, "first/sea or sky"), LESSON, 5, most=2),
)
