"""Questions about TCP ports of this machine: is one free, does something listen, does a web server answer."""

from __future__ import annotations

import socket
from http.client import HTTPConnection, HTTPException

import psutil


def is_free(host: str, port: int) -> bool:
    """Returns True if a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str = "127.0.0.1") -> int:
    """Returns the number of a port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        number: int = probe.getsockname()[1]
        return number


def is_listening(pid: int, port: int) -> bool:
    """Returns True if this process has a socket of its own that accepts connections on the port."""
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def serves(host: str, port: int, path: str = "/") -> bool:
    """Returns True if an HTTP server answers there. An error page counts as an answer."""
    connection = HTTPConnection("127.0.0.1" if host in ("0.0.0.0", "::") else host, port, timeout=10)  # noqa: S104
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True
