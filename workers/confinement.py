"""What a runner gives up before it loads anything: its parent's fate apart, the network, files without end."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
FILE_BYTES = 2 * 1024**3
REFUSED = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
    | {"pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen"}
)


def confine(parent: int, memory_bytes: int) -> None:
    """Call it before torch is imported: namespaces are left while there is one thread."""
    _leave_network()
    _die_with(parent)
    _limit(memory_bytes)
    sys.addaudithook(_refuse)


def _libc(function: str, *arguments: int) -> bool:
    return sys.platform == "linux" and bool(getattr(ctypes.CDLL(None), function)(*arguments) == 0)


def _leave_network() -> None:
    """An empty network namespace where the kernel allows it; the audit hook refuses sockets in any case."""
    if not _libc("unshare", CLONE_NEWNET):
        _libc("unshare", CLONE_NEWUSER | CLONE_NEWNET)


def _die_with(parent: int) -> None:
    """The kernel kills the runner when its worker dies; a worker that is dead already is seen by its id."""
    _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook cannot be taken off again (PEP 578)."""
    if event in REFUSED:
        raise PermissionError(f"a runner may not use {event}")
