"""How much memory a training run needs: the most that is held at a time, over what is held before it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RESET = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
# What sets the peak of resident memory back to what is resident now; see proc_pid_clear_refs(5).
PEAK = b"5"


@dataclass
class Growth:
    """`bytes` is None where this system cannot tell."""

    bytes: int | None = None


class PeakMemory:
    """Measures blocks of code, by the kernel's own record of this process, so that no short peak is missed.

    Make it before the process is confined: the file that starts a measurement can only be opened then. With `gpu`, the
    memory of the GPU is measured instead.
    """

    def __init__(self, *, gpu: bool = False) -> None:
        self._gpu = gpu
        self._reset = _opened(RESET)

    @contextmanager
    def measured(self, growth: Growth) -> Iterator[None]:
        """Measures what happens within the block; `growth.bytes` is set at its end."""
        before = self._begin()
        yield
        if before is not None and (peak := self._peak()) is not None:
            growth.bytes = max(0, peak - before)

    def _begin(self) -> int | None:
        if self._gpu:
            import torch

            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        try:
            if self._reset is None or os.write(self._reset, PEAK) != len(PEAK):
                return None
        except OSError:
            return None
        return _resident("VmRSS")

    def _peak(self) -> int | None:
        if self._gpu:
            import torch

            return torch.cuda.max_memory_allocated()
        return _resident("VmHWM")


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _resident(name: str) -> int | None:
    """A line of the kernel's status of this process, in bytes."""
    try:
        line = re.search(rf"^{name}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(line[1]) * 1024 if line else None
