"""Every package that our code imports is declared in pyproject.toml, also where another package would bring it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
OURS = {"gradus", "challenges", "graders", "workers", "tests", "benchmarks"}
# The packages of each folder: those that everybody installs, and the extras.
EXTRAS: dict[str, tuple[str, ...]] = {
    "platform": (),
    "challenges": (),
    "graders": ("worker",),
    "workers": ("worker",),
    "tests": ("worker", "dev"),
    "benchmarks": ("worker", "dev"),
}
# These run in an environment of their own: `benchmarks/venvs.py` makes it, or a learner does.
ELSEWHERE = ("benchmarks/peers/", "benchmarks/web/learners.py", "tests/lti/open_edx.py", "workers/take_home/")
# An operator installs TRL where it is wanted; `workers/training/chosen.py` looks whether it is there.
BY_CHOICE = {"workers/training/by_trl.py": {"trl", "datasets"}}
FOR_TYPES = {"_typeshed"}
DISTRIBUTIONS = packages_distributions()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {normal(Requirement(line).name) for line in lines}


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yields the first part of each imported module's name, without Python's own modules and ours."""
    for node in nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        yield from {name.split(".")[0] for name in names} - sys.stdlib_module_names - OURS - FOR_TYPES


def undeclared(folder: str) -> list[str]:
    """Returns "file: package" of each import that is not declared.

    The site and the format import what belongs to workers only inside functions, or for types.
    """
    always, sometimes = declared(EXTRAS[folder]), declared(("worker", *EXTRAS[folder]))
    missing = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        tree = ast.parse(path.read_text())
        for nodes, allowed in ((iter(tree.body), always), (ast.walk(tree), sometimes)):
            for module in set(imported(nodes)) - BY_CHOICE.get(name, set()):
                if not {normal(one) for one in DISTRIBUTIONS.get(module, [])} & allowed:
                    missing.append(f"{name}: {module}")
    return missing


@pytest.mark.parametrize("folder", EXTRAS)
def test_what_is_imported_is_declared(folder: str) -> None:
    assert undeclared(folder) == []


def test_an_undeclared_import_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "graders", ())
    assert "graders/agreement.py: numpy" in undeclared("graders")
