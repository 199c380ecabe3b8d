"""The real runner with an engine that tries forbidden actions; `test_isolation.py` starts it.

A probe is a text of an `Embed` item, "verb argument". Its vector is one number: 0 if the action worked, else errno. The
calls go directly to the kernel, past Python's audit hook, like those of a runner under an attacker's control.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from pathlib import Path

from graders.base import Embed, Embedded
from workers.sandbox import runner

libc = ctypes.CDLL(None, use_errno=True)


def outcome(result: int) -> int:
    return ctypes.get_errno() if result < 0 else 0


def read(path: str) -> int:
    return outcome(libc.open(os.fsencode(path), os.O_RDONLY))


def write(path: str) -> int:
    return outcome(libc.open(os.fsencode(path), os.O_WRONLY | os.O_CREAT, 0o600))


def names(path: str) -> int:
    if refused := outcome(libc.open(os.fsencode(path), os.O_RDONLY | os.O_DIRECTORY)):
        return refused
    try:
        os.listdir(path)  # noqa: PTH208
    except OSError as error:
        return error.errno or -1
    return 0


def link(path: str) -> int:
    return outcome(libc.symlink(os.fsencode(path), b"adapter_model.safetensors"))


def connect(port: str) -> int:
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", int(port), socket.inet_aton("127.0.0.1"))
    return outcome(libc.connect(libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0), address, len(address)))


def connect_unix(path: str) -> int:
    address = unix_address(path)
    return outcome(libc.connect(libc.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0), address, len(address)))


def unix_address(path: str) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + os.fsencode(path) + b"\0"


def send_unix(path: str) -> int:
    address = unix_address(path)
    end = libc.socket(socket.AF_UNIX, socket.SOCK_DGRAM, 0)
    return outcome(libc.sendto(end, b"text", 4, 0, address, len(address)))


def pair(_: str) -> int:
    """A pair of sockets of its own, and memory without a file, which CUDA needs."""
    ends = (ctypes.c_int * 2)()
    return outcome(libc.socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0, ends)) or outcome(
        libc.memfd_create(b"memory", 0)
    )


def io_uring(_: str) -> int:
    setup, parameters = 425, ctypes.create_string_buffer(120)
    return outcome(libc.syscall(setup, 4, parameters))


def execute(path: str) -> int:
    child = libc.fork()
    if child == 0:
        libc.execv(os.fsencode(path), (ctypes.c_char_p * 2)(os.fsencode(path), None))
        os._exit(ctypes.get_errno())
    return errno.EAGAIN if child < 0 else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def signal(pid: str) -> int:
    return outcome(libc.kill(int(pid), 0))


def trace(pid: str) -> int:
    attach = 16
    return outcome(libc.ptrace(attach, int(pid), None, None))


def become(user: str) -> int:
    return outcome(libc.setuid(int(user)))


def forks(count: str) -> int:
    """The number of simultaneous processes that could be started, out of `count`."""
    children = []
    for _ in range(int(count)):
        child = libc.fork()
        if child == 0:
            libc.pause()
        if child < 0:
            break
        children.append(child)
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return len(children)


def fill(megabytes: str) -> int:
    """Writes files of one megabyte into the working folder, and then waits until it is stopped."""
    for number in range(int(megabytes)):
        Path(f"filler-{number}").write_bytes(bytes(1024**2))
    libc.sleep(60)
    return 0


def swallow(megabytes: str) -> int:
    try:
        bytearray(int(megabytes) * 1024**2)
    except MemoryError:
        return errno.ENOMEM
    return 0


def probe(item: Embed, watch: object) -> Embedded:
    verbs = sys.modules[__name__]
    return Embedded([[float(getattr(verbs, verb)(argument))] for verb, _, argument in map(split, item.texts)])


def split(text: str) -> tuple[str, str, str]:
    return text.partition(" ")


if __name__ == "__main__":
    runner._embed = probe
    raise SystemExit(runner.main())
