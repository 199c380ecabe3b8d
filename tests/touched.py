"""The tests that a change touches, the nearest first: `python -m tests.touched` (`make quick`).

What has changed is what differs from the commit where this branch left `main`, and what git does not know yet. A test
file is as far from a changed file as the chain of imports between them is long. A file that is not Python, such as a
template, is taken as imported by the Python files that name it. Tests of the folder that mirrors the changed one come
next: most of them reach it by its address or its command and import nothing of it. `tests/budget.py` ends the run in
time and says what it left out; the gate remains `make check`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 100
"""From the start to the last test that is begun: the two minutes less what that one may take."""
SOURCES = ("platform", "challenges", "graders", "workers", "benchmarks", "tests")
FILES = 40
"""The most that are read: to read all tests takes a minute itself."""
FARTHEST = 3
"""Imports between a test and a change. Beyond that nearly all tests touch nearly all files."""
PYTEST = (
    "-m",
    "pytest",
    "-q",
    "-m",
    "not slow",
    "-p",
    "tests.budget",
    "--numprocesses",
    "auto",
    "--maxprocesses",
    "8",
)


def main() -> int:
    """The exit status of the tests; 0 where there is nothing to run."""
    until = time.monotonic() + SECONDS
    changed = changes(ROOT)
    tests = touched(ROOT, changed)
    print(f"{len(changed)} changed files touch {len(tests)} test files.", flush=True)
    tests, left = tests[:FILES], tests[FILES:]
    if not tests:
        return 0
    if left:
        print(f"The {FILES} nearest are run. `make check` runs the others too:", *left, sep="\n  ", flush=True)
    # Handed out one by one, so that the nearest are run first in whatever number of processes.
    command = [sys.executable, *PYTEST, "--maxschedchunk", "1", "--until", str(until), *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def changes(root: Path) -> list[str]:
    """Paths from the root of files that differ from `main`, or from the last commit on `main` itself."""
    base = _git(root, "merge-base", "HEAD", "main") or ["HEAD"]
    return sorted({*_git(root, "diff", "--name-only", base[0]), *_git(root, "ls-files", "-o", "--exclude-standard")})


def _git(root: Path, *arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )[:-1]


def touched(root: Path, changed: Iterable[str]) -> list[str]:
    """Test files by their distance from what has changed; at one distance those of the mirroring folder first."""
    near: dict[str, tuple[int, bool]] = {}
    importers = imported_by(root)
    for path in changed:
        mirrored = mirror(path)
        distances = _distances(root, path, importers)
        for test in map(str, _tests(root)):
            inside = mirrored is not None and test.startswith(f"{mirrored}/")
            distance = distances.get(test, FARTHEST if inside else None)
            if distance is not None:
                near[test] = min(near.get(test, (FARTHEST + 1, True)), (distance, not inside))
    return sorted(near, key=lambda test: (near[test], test))


def _distances(root: Path, changed: str, importers: Mapping[str, set[str]]) -> dict[str, int]:
    """Of all files that import it, at most `FARTHEST` imports away; a conftest's importers are its folder's tests."""
    found, edge = {changed: 0}, {changed}
    if changed.endswith("conftest.py"):
        return found | {str(test): 1 for test in _tests(root) if PurePosixPath(changed).parent in test.parents}
    if not changed.endswith(".py"):
        edge = _naming(root, changed)
        found |= dict.fromkeys(edge, 1)
    for distance in range(max(found.values()) + 1, FARTHEST + 1):
        edge = {one for path in edge for one in importers.get(path, ())} - found.keys()
        found |= dict.fromkeys(edge, distance)
    return found


def _naming(root: Path, path: str) -> set[str]:
    """Python files whose text has the file's name, or its address below `templates/` and `static/`."""
    parts = PurePosixPath(path).parts
    name = "/".join(parts[1:]) if parts[0] in ("templates", "static") else parts[-1]
    return {str(one) for one in _sources(root) if name in _text(root / one)}


def mirror(path: str) -> str | None:
    """The folder of tests for the file's package, as `tests/courses` for `platform/gradus/courses`."""
    above = ("platform", "gradus", "templates", "static", "tests")
    parts = [part for part in PurePosixPath(path).parts[:-1] if part not in above]
    return f"tests/{parts[0]}" if parts else None


def imported_by(root: Path) -> dict[str, set[str]]:
    """For each Python file those that import it, anywhere in their code."""
    modules = {_module(path): str(path) for path in _sources(root)}
    found: dict[str, set[str]] = {}
    for path in _sources(root):
        for name in imports(_text(root / path)):
            if name in modules:
                found.setdefault(modules[name], set()).add(str(path))
    return found


def imports(source: str) -> Iterator[str]:
    """Names of modules; of `from a import b` both `a` and `a.b`, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _module(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[parts[0] == "platform" : len(parts) - (parts[-1] == "__init__")])


@cache
def _sources(root: Path) -> list[PurePosixPath]:
    found = (path for name in SOURCES for path in (root / name).rglob("*.py"))
    return sorted(PurePosixPath(path.relative_to(root).as_posix()) for path in found)


def _tests(root: Path) -> list[PurePosixPath]:
    return [path for path in _sources(root) if path.parts[0] == "tests" and path.name.startswith("test_")]


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
