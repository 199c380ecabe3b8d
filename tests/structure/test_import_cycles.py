"""No module imports itself through others, not even by an import inside a function or for a type."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

import grimp
import pytest

PACKAGES = ("gradus", "challenges", "graders", "workers")


def cycles(graph: Mapping[str, Set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan 1972); `graph` holds imports by importer."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for imported in sorted(graph.get(module, ())):
            if imported not in index:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], index[imported])
        if low[module] == index[module]:
            at = stack.index(module)
            if len(stack) > at + 1:
                components.append(set(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return components


def imports(*packages: str) -> dict[str, set[str]]:
    """The imports of every module, those inside functions and under TYPE_CHECKING included."""
    graph = grimp.build_graph(*packages, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_module_imports_itself_through_others() -> None:
    assert [sorted(cycle) for cycle in cycles(imports(*PACKAGES))] == []


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("by_function", "def later():\n    from {name}.one import two\n"),
        ("by_type", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {name}.one import two\n"),
    ],
)
def test_a_cycle_is_found(name: str, back: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "one.py").write_text(f"from {name} import two\n")
    (tmp_path / name / "two.py").write_text(back.format(name=name))
    monkeypatch.syspath_prepend(tmp_path)
    assert cycles(imports(name)) == [{f"{name}.one", f"{name}.two"}]
