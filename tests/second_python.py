"""The quick tests that need no torch, on a second Python: what they try must not depend on the one at hand.

`python -m tests.second_python` (`make second-python`, a part of `make check`). The newest Python that is not this one's
version gets a small environment beside this one's packages, made once. Where there is none, it says so and is content.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
NAMES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14")
TESTS = ("tests/challenges", "tests/graders")
LEFT_OUT = (
    *(f"tests/challenges/{name}" for name in ("library", "scaffold/test_new.py", "scaffold/test_fork.py")),
    *(f"tests/challenges/lint/test_{name}.py" for name in ("stored", "hostile_findings", "edition")),
    *(f"tests/challenges/tables/test_{name}.py" for name in ("bad_tables", "dedupe", "forms")),
    *(f"tests/graders/test_{name}.py" for name in ("linear", "effects")),
    "tests/graders/free_text/test_finality.py",
)
"""They take most of the time, and read files, texts and numbers only as the others do."""
NEEDS = (
    "factory-boy", "hypothesis", "jsonschema", "py3langid", "pytest", "pytest-django", "pytest-httpserver",
    "pytest-socket", "scikit-learn", "time-machine",
)  # fmt: skip
"""What these tests import beside the project and what it depends on."""
ASK = "import sys; print(*sys.version_info[:2])"
NO_SERVERS = ("GRADUS_REQUIRE", "DATABASE_URL", "REDIS_URL")
"""They are asked of the whole suite, not of these tests."""


@dataclass(frozen=True)
class Python:
    """An interpreter that can be started."""

    path: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def main() -> int:
    """The exit status: that of the tests; 0 where there is no second Python, or none that takes the packages."""
    mine = Python(sys.executable, sys.version_info[:2])
    for other in others(mine):
        if (python := environment(other)) is not None:
            print(f"The quick tests on Python {other}:", flush=True)
            options = ["-q", "-m", "not slow", "-p", "no:cacheprovider", *(f"--ignore={path}" for path in LEFT_OUT)]
            command = [str(python), "-m", "pytest", *options, *TESTS]
            kept = {name: value for name, value in os.environ.items() if name not in NO_SERVERS}
            return subprocess.run(command, cwd=ROOT, env=kept, check=False).returncode
        print(f"Python {other} ({other.path}) does not take the packages of constraints.txt.", flush=True)
    print(f"No second Python ({oldest()} or newer) can be used here: the tests run on {mine} alone.", flush=True)
    return 0


def oldest() -> str:
    return ".".join(map(str, OLDEST))


def others(mine: Python) -> list[Python]:
    """Of each version but this one the first on the path, the newest version first."""
    found: dict[tuple[int, ...], Python] = {}
    for python in installed():
        if python.version >= OLDEST and python.version != mine.version:
            found.setdefault(python.version, python)
    return [found[version] for version in sorted(found, reverse=True)]


def installed() -> Iterator[Python]:
    """Those on the path. A name may stand there and not start, as pyenv's do."""
    for folder in os.get_exec_path():
        for name in NAMES:
            path = str(Path(folder) / name)
            if os.access(path, os.X_OK) and (version := version_of(path)):
                yield Python(path, version)


def version_of(path: str) -> tuple[int, ...]:
    """Empty where it does not say."""
    try:
        said = subprocess.run([path, "-c", ASK], capture_output=True, text=True, timeout=20, check=False).stdout
        return tuple(map(int, said.split()))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def environment(other: Python) -> Path | None:
    """Its interpreter within an environment that has all packages; None where these cannot be installed."""
    folder = Path(sys.prefix) / f"second-{other}"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = digest()
    if stamp.is_file() and stamp.read_text() == wanted and version_of(str(python)) == other.version:
        return python
    # pip comes from this environment: Debian's own Python has none.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check", "-q"]
    for command in (
        [other.path, "-m", "venv", "--clear", "--without-pip", str(folder)],
        [*pip, "-c", "constraints.txt", "-e", ".", *NEEDS],
    ):
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return None
    stamp.write_text(wanted)
    return python


def digest() -> str:
    """Of all that says what to install."""
    lists = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([*lists, *(need.encode() for need in NEEDS)])).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
