"""The runner's memory allocator settings, for ours and for every peer alike. They take effect when a process starts."""

from __future__ import annotations

import os
import sys

from workers.launch import ALLOCATOR


def same_for_all() -> None:
    """Starts this very command again with the settings, unless it has them; children inherit them."""
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        os.environ.update(ALLOCATOR)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
