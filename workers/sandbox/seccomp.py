"""Refuses system calls that reach a socket of another process, with a seccomp filter.

An empty network namespace does not hide Unix sockets in the file system, such as PostgreSQL's, and today's versions of
Landlock have no right for them. The filter is a program of the classic Berkeley Packet Filter that the kernel runs at
each system call. It holds for this thread and all threads that it starts, and cannot be taken away again.
Source: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
# Load a word of `struct seccomp_data`, whose first two are the call's number and the architecture; compare; return.
LOAD, IS_EQUAL, IS_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT = 0, 4
# Calls of the x32 interface, which an x86-64 kernel may offer as well, begin with this number.
X32 = 0x40000000
# The kernel's number of each architecture, and its numbers of the calls `connect`, `sendto`, `sendmsg`, `sendmmsg` and
# `io_uring_setup`; the last one leads to the others past a filter.
REFUSED = {
    "x86_64": (0xC000003E, (42, 44, 46, 307, 425)),
    "aarch64": (0xC00000B7, (203, 206, 211, 269, 425)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict() -> bool:
    """Installs the filter and returns whether it holds. It needs `no_new_privs` or root."""
    if sys.platform != "linux" or platform.machine() not in REFUSED:
        return False
    instructions = program(*REFUSED[platform.machine()])
    given = _Program(len(instructions) // 8, instructions)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return bool(prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(given)) == 0)


def program(architecture: int, calls: tuple[int, ...]) -> bytes:
    """The filter: EACCES for `calls` and for calls of another architecture; all other calls are allowed.

    A comparison skips as many instructions as its second or third field says, if it holds or not.
    """
    compared = [(IS_AT_LEAST, X32), *((IS_EQUAL, call) for call in calls)]
    steps = [(LOAD, 0, 0, ARCHITECTURE_AT), (IS_EQUAL, 1, 0, architecture), (RETURN, 0, 0, REFUSE)]
    steps.append((LOAD, 0, 0, NUMBER_AT))
    steps += [(kind, len(compared) - place, 0, value) for place, (kind, value) in enumerate(compared)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
