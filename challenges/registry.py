"""The registries: the kinds of challenge by name, and what other packages add to this or to any other registry.

To add a kind, write its description, its grader (`graders/registry.py`) and, where the generic page does not serve, its
page (`gradus/learn/kinds/`), and name each in its registry. Another package names them as entry points of the groups
`gradus.kinds`, `gradus.graders` and `gradus.pages`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

KINDS = {
    "prompt": "challenges.kinds.prompt:KIND",
    "tune": "challenges.kinds.tune:KIND",
    "free_text": "challenges.kinds.free_text:KIND",
    "rag": "challenges.kinds.rag:KIND",
    "evaluate": "challenges.kinds.evaluate:KIND",
}
KIND_NAME_MAX = 40
"""Characters of a kind's name, which is as long as the database's column."""


class RegistryError(Exception):
    """Two installed packages offer different things under one name."""


def kind_names() -> tuple[str, ...]:
    """The names of all kinds: our own in the order of `KINDS`, then those of other packages."""
    return tuple(registered("gradus.kinds", KINDS))


def known_kind(name: str) -> str:
    """The name itself. Raises ValueError, which lists the known names, where no kind is called that."""
    if name not in kind_names():
        raise ValueError(f"there is no kind `{name}`: use one of {', '.join(kind_names())}")
    return name


def load_kind(name: str) -> Any:
    """Returns the kind that is called `name`. Raises KeyError if no kind is.

    The format itself looks kinds up here. Everybody else uses `challenges.kinds.registry.find`, which knows the type.
    """
    return load(registered("gradus.kinds", KINDS)[name])


def registered(group: str, own: Mapping[str, str]) -> dict[str, str]:
    """Dotted paths by name: those of `own`, then those that packages declare as entry points of `group`.

    A name in `own` wins over a package's. The entry points are read once per process. Raises `RegistryError` where
    two packages use one name for different things.
    """
    return {**own, **{name: path for name, path in _from_packages(group).items() if name not in own}}


def load(dotted: str) -> Any:
    """The object at `package.module:attribute`, or the module at `package.module`, imported on first use.

    Raises `ImportError`, or `AttributeError` where the module has no such attribute.
    """
    return pkgutil.resolve_name(dotted)


@cache
def _from_packages(group: str) -> dict[str, str]:
    paths: dict[str, str] = {}
    for point in entry_points(group=group):
        if paths.setdefault(point.name, point.value) != point.value:
            raise RegistryError(
                f"Two installed packages offer `{point.name}` in the entry-point group `{group}`: "
                f"{paths[point.name]} and {point.value}. Uninstall one of the packages."
            )
    return paths


def forget() -> None:
    """Reads the entry points anew on next use, after a package was installed into a running process."""
    _from_packages.cache_clear()
