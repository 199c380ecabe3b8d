"""Whoever follows one of our instructions with pip gets our own package, or one that we name on purpose.

The name `gradus` is another project's on the package index: who installs it runs the code of a stranger.
"""

import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from challenges import distribution
from challenges.models.catalogue import MODELS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Packages that our instructions name for one purpose, beside Gradus or without it.
OTHERS = {"trl", "datasets", "pyarrow", "pip"}
INSTALL = re.compile(r"\bpip3? (?:install|download)\b([^`\n]*)")
# The extra in square brackets is also named without pip.
WITH_EXTRA = re.compile(r"(?<![\w./-])([A-Za-z][\w.-]*)\[(?:worker|prod|dev)\b")
WORD = re.compile(r"""'[^']*'|"[^"]*"|[^\s"']+""")
NAME = re.compile(r"([A-Za-z][\w.-]*?)(?:\[.*\])?(?: ?[@=<>~!].*)?,?")
# What follows the command in a sentence, or is filled in when the text is shown.
ENDS = re.compile(r"&&|in|or|and|with|line|of|\(.*|.*[{}].*")
TAKES_A_VALUE = {"-c", "-r", "-f", "--find-links", "--dest"}
ENDINGS = {".py", ".md", ".html", ".txt", ".yaml", ".yml", ".toml", ".js", ".mjs", ".json", ".service", ".sh", ""}
# Rows and answers of learners are no instructions of ours.
NO_TEXTS = ("static/vendor/", "tests/", "package-lock.json")


def known() -> set[str]:
    """Returns the names of all packages that an instruction may install."""
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    wheels = {model.wheel.package for model in MODELS.values() if model.wheel}
    return {canonicalize_name(Requirement(line).name) for line in lines} | OTHERS | wheels | {PROJECT["name"]}


def installed_by(text: str) -> set[str]:
    """Returns the names of the packages that a text tells to install."""
    names = set(WITH_EXTRA.findall(text))
    for arguments in INSTALL.findall(text):
        names |= set(_packages(WORD.findall(arguments)))
    return {str(canonicalize_name(name)) for name in names}


def _packages(words: Sequence[str]) -> Iterator[str]:
    for before, word in pairwise(["", *words]):
        if ENDS.fullmatch(word):
            return
        name = NAME.fullmatch(word.strip("\"'"))
        if name and before not in TAKES_A_VALUE:
            yield name[1]
        if word.endswith(","):
            return


def texts() -> Iterator[tuple[str, str]]:
    """Yields each file of the project that may instruct somebody, with its name."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        path = ROOT / name
        if not name.startswith(NO_TEXTS) and path.suffix in ENDINGS and path.is_file():
            yield name, path.read_text(errors="replace")


def test_no_instruction_installs_another_package() -> None:
    ours = known()
    strange = {name: packages for name, text in texts() if (packages := installed_by(text) - ours)}
    assert strange == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("it comes with: pip install 'gradus[worker]'", {"gradus"}),
        ("the worker extra: `pip install` of `gradus[worker]`.", {"gradus"}),
        ("pip install gradus", {"gradus"}),
        ("pip install -U Gradus==1.0.1 torch>=2", {"gradus", "torch"}),
        ("Run `pip install trl==1.16.0` there.", {"trl"}),
        ("pip install pyarrow, or save it as CSV", {"pyarrow"}),
        ("pip install 'gradus-courses[worker] @ git+https://example.org/gradus.git'", {"gradus-courses"}),
        ("pip install -c constraints.txt -e '.[worker,prod]' && true", set()),
        ("pip install -e './gradus[worker]' (in the folder above)", set()),
        ("pip install {package}, which is asked for", set()),
        ("the `pip install` line of gradus", set()),
    ],
)
def test_what_an_instruction_installs_is_read(text: str, names: set[str]) -> None:
    assert installed_by(text) == names


def test_our_own_name_is_not_that_of_the_command() -> None:
    assert PROJECT["name"] == distribution.NAME != "gradus"
