"""Drops the privileges of a runner that root has started: user, groups and capabilities. Linux only."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS = 8, 38
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION = 0x20080522
# systemd reserves this range for unnamed users. Each worker's runner gets a user id of its own, so that runners cannot
# read each other's files.
FIRST_USER, LAST_USER = 61184, 65519


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def user_for(worker: int) -> int | None:
    """The user id for the runner of the worker with this process id; None if the worker cannot change users."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    return FIRST_USER + worker % (LAST_USER - FIRST_USER + 1)


def become(user: int, *, may_read_all: bool) -> None:
    """Changes user and groups for good. `may_read_all` keeps the capability to read past file permissions.

    Raises:
        OSError: the kernel refuses, for example in a container that does not map this user.
    """
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    keep_capabilities(1 << CAP_DAC_READ_SEARCH if may_read_all else 0)


def keep_capabilities(mask: int) -> None:
    """Drops all capabilities that are not in `mask`, also those of a new user namespace. Raises OSError."""
    header, sets = _Header(CAPABILITY_VERSION, 0), (_Sets * 2)()
    sets[0] = _Sets(mask, mask, 0)
    if ctypes.CDLL(None, use_errno=True).capset(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def gain_nothing_by_exec() -> bool:
    """Makes sure that no set-user-id program gives privileges back; returns whether it worked."""
    return _prctl(PR_SET_NO_NEW_PRIVS, 1)


def open_to_all(paths: Iterable[Path]) -> bool:
    """Whether a user without special rights can reach and read all of the paths that exist."""
    return all(_open_to_all(path.resolve()) for path in paths if path.exists())


def _open_to_all(path: Path) -> bool:
    passable = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    wanted = 0o005 if path.is_dir() else 0o004
    return passable and path.stat().st_mode & wanted == wanted


def _prctl(option: int, value: int) -> bool:
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
