"""Restricts this process with Landlock, the Linux kernel's sandbox for unprivileged programs.

The kernel refuses everything that no rule allows, for this thread and all threads and processes that it starts. The
restriction cannot be lifted. Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# Numbers of system calls, equal on every architecture, as for all calls since Linux 5.1.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
# Executing files and making links, sockets and devices stays refused even in a writable folder.
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
# Files that are there can be changed; none can be made or removed.
CHANGE = READ | WRITE_FILE | TRUNCATE
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV
OF_A_FILE = DEVICE | TRUNCATE
# The number of file-system rights that each version of the interface knows.
FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
FS_RIGHTS_NEWEST = 16
TCP = 0b11
SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of Landlock's interface in this kernel; 0 if it has no Landlock."""
    return max(0, _call(CREATE_RULESET, None, 0, VERSION_FLAG))


def restrict(
    readable: Iterable[Path], writable: Iterable[Path], devices: Iterable[Path] = (), changeable: Iterable[Path] = ()
) -> bool:
    """Restricts the process to files below these folders and to `devices`; returns whether that holds.

    Below `changeable`, files that are there can be written, and none can be made or removed.

    TCP is refused, and signals reach only processes under the same restriction, where the kernel's version knows these.
    Paths that do not exist are ignored. It needs `no_new_privs` or root, and must be called while there is one thread.
    """
    known = version()
    if not known:
        return False
    handled = (1 << FS_RIGHTS.get(known, FS_RIGHTS_NEWEST)) - 1
    attributes = _Ruleset(handled, TCP if known >= 4 else 0, SCOPES if known >= 6 else 0)
    size = 8 if known < 4 else 16 if known < 6 else 24
    ruleset = _call(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    if ruleset < 0:
        return False
    try:
        rules = [(path, READ) for path in readable] + [(path, WRITE) for path in writable]
        rules += [(path, DEVICE) for path in devices]
        rules += [(path, CHANGE) for path in changeable]
        allowed = all(_allow(ruleset, path, rights & handled) for path, rights in rules)
        return allowed and _call(RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> bool:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        rule = _PathBeneath(rights if path.is_dir() else rights & OF_A_FILE, place)
        return _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0) == 0
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    if sys.platform != "linux":
        return -1
    words = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *words))
