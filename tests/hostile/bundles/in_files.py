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
        "an empty folder",
        lambda root: [remove(name)(root) for name in ("course.yaml", "first", "second")],
        ".",
        None,
        r"holds none of course.yaml",
        r"course|new",
    ),
    Broken("no course.yaml", remove("course.yaml"), ".", None, r"holds none of course.yaml", r"course|new"),
    Broken("no lesson.yaml", remove(LESSON), "course.yaml", 8, r"no `first/lesson.yaml`", r"add"),
    Broken("no lesson.md", remove("first/lesson.md"), "first/lesson.md", None, r"is missing", r"lesson's text", most=2),
    Broken("no challenge.yaml", remove(SPEC), LESSON, 5, r"no `sea-or-sky/challenge.yaml`", r"add"),
    Broken("no statement.md", remove(STATEMENT), STATEMENT, None, r"is missing", r"what .*to do"),
    Broken(
        "no solution.md", remove(f"{CHALLENGE}/solution.md"), f"{CHALLENGE}/solution.md", None, r"is missing", r"after"
    ),
    Broken("no hidden.jsonl", remove(HIDDEN), HIDDEN, None, r"is missing", r"JSON Lines|rows", most=2),
    Broken(
        "no gold.jsonl", remove(f"{QUESTION}/gold.jsonl"), f"{QUESTION}/gold.jsonl", None, r"is missing", r"answers"
    ),
    Broken(
        "no baseline",
        remove(f"{CHALLENGE}/baselines/good.yaml"),
        f"{CHALLENGE}/baselines/good.yaml",
        None,
        r"is missing",
        r"`baselines`|submission",
    ),
    Broken("course.yaml is empty", put("course.yaml", ""), "course.yaml", 1, r"is empty", r"schema: 1"),
    Broken("lesson.yaml is empty", put(LESSON, "\n"), LESSON, 1, r"is empty", r"title"),
    Broken(
        "a baseline is empty",
        put(f"{CHALLENGE}/baselines/weak.yaml", ""),
        f"{CHALLENGE}/baselines/weak.yaml",
        1,
        r"is empty",
        r"kind: ",
    ),
    Broken(
        "public.jsonl is empty",
        put(f"{CHALLENGE}/public.jsonl", ""),
        f"{CHALLENGE}/public.jsonl",
        None,
        r"has no rows",
        r"add",
    ),
    Broken(
        "statement.md is empty", put(STATEMENT, " \n"), STATEMENT, None, r"is empty", r"what .*to do", is_advice=True
    ),
    Broken(
        "an empty document",
        put(f"{DOCUMENTS}/cards.md", ""),
        f"{DOCUMENTS}/cards.md",
        None,
        r"is empty",
        r"write its text",
        most=3,
    ),
    Broken("a folder named challenge.yaml", folder(SPEC), SPEC, None, r"folder", r"file"),
    Broken("a folder named hidden.jsonl", folder(HIDDEN), HIDDEN, None, r"folder", r"file", most=2),
    Broken(
        "a file named like a lesson",
        both(remove("second"), put("second", "text")),
        "course.yaml",
        9,
        r"no `second/lesson.yaml`",
        r"add",
    ),
    Broken(
        "a file that may not be read",
        lambda root: (root / STATEMENT).chmod(0),
        STATEMENT,
        None,
        r"cannot be read|[Pp]ermission",
        r"permission|readable",
        needs_permission=True,
    ),
    Broken(
        "a link to a file of the course",
        link(STATEMENT, f"{CHALLENGE}/solution.md"),
        STATEMENT,
        None,
        r"symbolic link",
        r"the file itself",
    ),
    Broken(
        "a link out of the course",
        link(STATEMENT, "../secret.md"),
        STATEMENT,
        None,
        r"symbolic link",
        r"the file itself",
    ),
    Broken(
        "a folder that is a link",
        both(move("second", "../second"), lambda root: (root / "second").symlink_to((root / "../second").resolve())),
        "second/lesson.yaml",
        None,
        r"symbolic link",
        r"itself",
        most=3,
    ),
    Broken("a pickle", put("first/model.pkl", "cos\nsystem\n."), "first/model.pkl", None, r"type `.pkl`", r"remove it"),
    Broken("a file of no type", put("first/model", "text"), "first/model", None, r"no known type", r"remove it"),
    Broken("a pipe", fifo(STATEMENT), STATEMENT, None, r"not a regular file", r"plain file"),
    Broken(
        "a name with a colon",
        put(f"{DOCUMENTS}/a:b.md", "A text.\n"),
        f"{DOCUMENTS}/a:b.md",
        None,
        r"name",
        r"letters, digits",
        most=2,
    ),
    Broken(
        "a name with a backslash",
        put(f"{DOCUMENTS}/a\\b.md", "A text.\n"),
        f"{DOCUMENTS}/a\\b.md",
        None,
        r"name",
        r"letters, digits",
        most=2,
    ),
    Broken(
        "a name with a line break",
        put(f"{DOCUMENTS}/a\nb.md", "A text.\n"),
        f"{DOCUMENTS}/a\\nb.md",
        None,
        r"name",
        r"letters, digits",
        most=2,
    ),
    Broken(
        "two names that differ in case",
        put(f"{DOCUMENTS}/CARDS.md", "A text.\n"),
        f"{DOCUMENTS}/cards.md",
        None,
        r"only in capitals",
        r"rename",
    ),
    Broken(
        "a document that is no text",
        put(f"{DOCUMENTS}/scan.pdf", b"%PDF-1.7\n"),
        f"{DOCUMENTS}/scan.pdf",
        None,
        r"is no document",
        r"\.md or \.txt",
    ),
    Broken(
        "a folder's name with a space",
        move(CHALLENGE, "first/sea or sky"),
        LESSON,
        5,
        r"no `sea-or-sky/challenge.yaml`",
        r"add",
        most=2,
    ),
)
