"""The memory of a tree of processes, by what each of them is: the web server, a lane's worker, a lane's runner."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
# What a command line says about its process. The lane of a runner is that of the worker which has started it.
KINDS = (
    (re.compile(r" -m workers\.sandbox\.runner "), "runner"),
    (re.compile(r" -m celery .* -Q (\S+) |manage\.py work --lane (\S+) "), "worker"),
    (re.compile(r" -m gradus\.operations\.web_server "), "web"),
    (re.compile(r"manage\.py up "), "up"),
    (re.compile(r"manage\.py reconcile "), "reconciler"),
    (re.compile(r"manage\.py import_course "), "verification"),
    (re.compile(r"manage\.py doctor "), "doctor"),
    (re.compile(r"valkey|redis-server"), "broker"),
)


@dataclass(frozen=True)
class Process:
    """A process with its kind, `worker train` for example, and its proportional set size in bytes."""

    pid: int
    kind: str
    pss: int


def below(root: int, proc: Path = PROC) -> Iterator[Process]:
    """Yields the processes that `root` has started, directly or through others, without `root` itself.

    A process that ends meanwhile is left out. A process whose command line says nothing is of its parent's kind.
    """
    children = _children(proc)
    waiting = [(pid, "other") for pid in children[root]]
    while waiting:
        pid, inherited = waiting.pop()
        try:
            found = Process(pid, kind(_command(pid, proc), inherited), _pss(pid, proc))
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield found
        waiting += [(child, found.kind) for child in children[pid]]


def kind(command: str, inherited: str) -> str:
    """Returns the kind of a process by its command line, or `inherited`, the kind of its parent."""
    for pattern, name in KINDS:
        if match := pattern.search(f" {command} "):
            lane = inherited.partition(" ")[2] if name == "runner" else next(filter(None, match.groups()), "")
            return f"{name} {lane}".rstrip()
    return inherited


def proportional_bytes(rollup: str) -> int:
    """The proportional set size that the text of a `smaps_rollup` file states: shared pages count in equal shares."""
    match = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    if match is None:
        raise ValueError("this is not the text of a smaps_rollup file")
    return int(match.group(1)) * 1024


def _children(proc: Path) -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for entry in proc.glob("[0-9]*/stat"):
        try:
            # The line is "pid (name) state ppid ..."; the name may contain spaces and brackets.
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        found[parent].append(int(entry.parent.name))
    return found


def _command(pid: int, proc: Path) -> str:
    return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()


def _pss(pid: int, proc: Path) -> int:
    """The proportional set size. Where another user may not read it, the resident size, which is never smaller."""
    try:
        text = (proc / str(pid) / "smaps_rollup").read_text()
    except PermissionError:
        return int((proc / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    # A process that has ended and is not waited for yet has no memory, and its file is empty.
    return proportional_bytes(text) if text else 0
