"""What lint asks of the names of all files of a course, so that its archive can be pushed and unpacked anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from challenges.authoring.archive import files_of, wrong_names
from challenges.files.source import Source
from challenges.problems import Problem

# What the format reads, the tables that rows are made from, and what says whose the course is.
TYPES = frozenset(
    (".yaml", ".yml", ".md", ".txt", ".json", ".jsonl", ".svg", ".safetensors", ".csv", ".tsv", ".ndjson", ".parquet")
)
NAMES = frozenset(("README", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"))


def lint_names(source: Source) -> None:
    """Links and devices, names that some operating system cannot hold or takes for one, too many files, and files of
    types that no course has.

    A file of which something was said already is left out.
    """
    told = {problem.file for problem in source.problems}
    found, problems = files_of(source.root)
    missing = " ".join(problem.what for problem in source.problems)
    links = {problem.file for problem in problems}
    # A file in the place of a folder, such as of a lesson, was named as what is missing.
    unread = {name for name in set(found) - source.seen - links if f"`{name}/" not in missing}
    problems += [*wrong_names(found), *_strays(unread)]
    source.problems += [problem for problem in problems if problem.file not in told]


def _strays(names: Iterable[str]) -> Iterator[Problem]:
    """Files that nobody reads, such as a pickle. What a kind of another package has read is none of them."""
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.suffix.lower() not in TYPES and path.name not in NAMES:
            what = f"is of the type `{path.suffix}`, which no course has" if path.suffix else "is of no known type"
            fix = "remove it, or move it into a folder whose name begins with a dot, which stays on your machine"
            yield Problem(name, None, what, fix)
