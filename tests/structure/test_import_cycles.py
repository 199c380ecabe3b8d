"""No module imports itself through others, not even by an import inside a function."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

import grimp

PACKAGES = ("gradus", "challenges", "graders", "workers")


def cycles(graph: Mapping[str, Set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one module (Tarjan 1972); `graph` holds imports by importer."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

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
                found.append(set(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return found


def imports(*packages: str) -> dict[str, set[str]]:
    """The imports of every module. Those under TYPE_CHECKING are left out: they name the types of an interface."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_module_imports_itself_through_others() -> None:
    assert [sorted(found) for found in cycles(imports(*PACKAGES))] == []


def test_a_cycle_through_a_function_is_found(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "circular").mkdir()
    (tmp_path / "circular" / "__init__.py").touch()
    (tmp_path / "circular" / "one.py").write_text("from circular import two\n")
    (tmp_path / "circular" / "two.py").write_text("def later():\n    from circular.one import two\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert cycles(imports("circular")) == [{"circular.one", "circular.two"}]
