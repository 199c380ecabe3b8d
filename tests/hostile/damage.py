"""Detects damage by hostile input: an unpickled class, a started command, or a connection to another machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

FORBIDDEN = frozenset({"pickle.find_class", "os.system", "os.exec", "os.posix_spawn"})
NETWORK = frozenset({"socket.connect", "socket.sendto"})
_seen: list[str] | None = None


@contextmanager
def watched() -> Iterator[list[str]]:
    """Yields a list of the forbidden events in any thread of this process while the context lasts."""
    global _seen
    _install()
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event in FORBIDDEN or (event in NETWORK and _leaves(args[-1])):
        _seen.append(f"{event} {args[1:]!r}")


def _leaves(address: Any) -> bool:
    """Whether a socket address leads to another machine. A path is a socket of this machine."""
    if not isinstance(address, tuple):
        return False
    try:
        return not ip_address(str(address[0])).is_loopback
    except ValueError:
        return True


def _install() -> None:
    """Installs the audit hook once, because it stays until the process ends."""
    if not getattr(sys, "_gradus_hostile_hook", False):
        sys.addaudithook(_hook)
        sys._gradus_hostile_hook = True  # type: ignore[attr-defined]
