"""What no file of the tree may hold."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Written in pieces, so that this file does not find itself.
HOSTS = re.compile("|".join([r"py" r"pi\.org", r"python" r"hosted\.org", r"registry\.npm" r"js", r"deb\." r"debian"]))
HERE = re.compile(r"(?<![\w.])/(work|root)/[\w.-]+")
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ".ini", ".conf", ".service", ".sh", ""}
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py"}


def files() -> list[Path]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def matches(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in files():
        if path.suffix in TEXT and "vendor" not in path.parts:
            text = path.read_text(errors="replace")
            found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in pattern.finditer(text)]
    return found


def test_no_registry_is_named_by_its_host():
    assert matches(HOSTS) == []


def test_no_path_of_one_machine_is_named():
    assert matches(HERE) == []


def test_no_file_is_a_drawer_for_everything():
    assert [str(path) for path in files() if path.name in FORBIDDEN_NAMES] == []


def test_constraints_pin_everything_but_torch():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._]+", line) for line in lines)
    assert not any(re.match(r"(torch|triton|nvidia)", line) for line in lines)
