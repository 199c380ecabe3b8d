"""What this machine lacks for a training method. Imports no torch: a worker says it before its runner has started."""

from __future__ import annotations

import ctypes
import shutil
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from challenges import training_methods
from challenges.models.catalogue import MODELS
from challenges.models.weight_files import weight_files
from workers.sandbox.confinement import FILE_BYTES

# Of one weight in a base model's files.
WEIGHT_BYTES = {"float32": 4, "bfloat16": 2}
CHECKPOINT_BYTES = 2
# The base, a trained copy with its gradient and the optimiser's two averages, activations, and the copy that is saved.
FULL_BYTES, FIXED_BYTES = 36, 1_000_000_000


def lacking(method: str, model: Path, scratch: Path, device: str, memory_bytes: int) -> str:
    """Why a training method cannot be carried out here over the base model in a folder, as a sentence; empty if it can.

    `memory_bytes` is what a runner can have of the machine's memory, or on a GPU of the GPU's. Room on the disk is that
    of this moment.
    """
    if method == "qlora":
        return quantisation(device)
    files = weight_files(model)
    if method != "full" or not files:
        return ""
    held = MODELS[model.name].weights if model.name in MODELS else "float32"
    weights = sum(file.stat().st_size for file in files) // WEIGHT_BYTES[held]
    checkpoint, needed = CHECKPOINT_BYTES * weights, FIXED_BYTES + FULL_BYTES * weights
    if checkpoint > FILE_BYTES:
        return training_methods.LARGE_CHECKPOINT % {"size": _gb(checkpoint), "most": _gb(FILE_BYTES)}
    if checkpoint > (room := shutil.disk_usage(scratch).free):
        return training_methods.LITTLE_DISK % {"size": _gb(checkpoint), "room": _gb(room)}
    if needed > memory_bytes:
        return training_methods.LITTLE_MEMORY % {"size": _gb(needed), "room": _gb(memory_bytes)}
    return ""


@cache
def quantisation(device: str) -> str:
    """Why no base model can be held in 4 bits here; empty if it can. A process looks once."""
    package = find_spec("bitsandbytes")
    if package is None or not package.submodule_search_locations:
        return training_methods.NOT_INSTALLED
    kind = "cuda*" if device.startswith("cuda") else "cpu"
    libraries = sorted(Path(package.submodule_search_locations[0]).glob(f"libbitsandbytes_{kind}.*"))
    try:
        if not libraries:
            raise OSError
        if kind == "cpu":
            ctypes.CDLL(str(libraries[0]))
    except OSError:
        return training_methods.NOT_SUPPORTED % {"system": sys.platform, "device": device}
    return ""


UNKNOWN = 1 << 60
"""Bytes of a memory of which nobody says how large it is."""


def memory(*, free: bool, root: Path = Path("/")) -> int:
    """Bytes of this machine, or of this container if those are fewer: those that are `free` now, or all of them.

    Where nobody says, very many.
    """
    lines = dict(line.split(":", 1) for line in _text(root / "proc/meminfo").splitlines() if ":" in line)
    kilobytes = lines.get("MemAvailable" if free else "MemTotal", "").split()
    limit, used = (_text(root / f"sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    bounds = [UNKNOWN, *(int(number) * 1024 for number in kilobytes[:1])]
    if limit.isdigit() and used.isdigit():
        bounds.append(int(limit) - free * int(used))
    return min(bounds)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
