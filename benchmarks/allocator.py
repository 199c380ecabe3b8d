"""The runner's allocator settings, for ours and for every peer alike. They take effect when a process starts."""

from __future__ import annotations

import os
import sys

from workers.sandbox.launch import ALLOCATOR

# Of this process alone: the oracle, and our engine where a profile looks into it, as a runner has it. Peers choose.
OWN = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def same_for_all() -> None:
    """Starts this very command again with the settings, unless it has them; children inherit them."""
    wanted = ALLOCATOR | OWN
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
