"""What other packages add to a registry: `registered` merges their entry points into our own names."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any


class RegistryError(Exception):
    """Two installed packages offer different things under one name."""


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
    found: dict[str, str] = {}
    for point in entry_points(group=group):
        if found.setdefault(point.name, point.value) != point.value:
            raise RegistryError(
                f"Two installed packages offer `{point.name}` in the entry-point group `{group}`: "
                f"{found[point.name]} and {point.value}. Uninstall one of the packages."
            )
    return found


def forget() -> None:
    """Reads the entry points anew on next use, after a package was installed into a running process."""
    _from_packages.cache_clear()
