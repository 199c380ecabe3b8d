"""What lint asks of the names of all files of a course, so that its archive can be pushed and unpacked anywhere."""

from __future__ import annotations

from challenges.authoring.archive import files_of, wrong_names
from challenges.files.source import Source


def lint_names(source: Source) -> None:
    """Links and devices, names that some operating system cannot hold or takes for one, and too many files.

    A file of which something was said already is left out.
    """
    told = {problem.file for problem in source.problems}
    found, problems = files_of(source.root)
    source.problems += [problem for problem in (*problems, *wrong_names(found)) if problem.file not in told]
