"""What this machine computes with. Imports no torch: a worker says it before its runner has started."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPU_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})
DTYPES = ("float32", "bfloat16")


def device() -> str:
    """`cuda` where there is a GPU and a torch that can use it, else `cpu`; `GRADUS_DEVICE` decides otherwise."""
    chosen = os.environ.get("GRADUS_DEVICE", "")
    if chosen in ("cpu", "cuda"):
        return chosen
    return "cuda" if Path("/dev/nvidiactl").exists() and not _torch().endswith("+cpu") else "cpu"


def dtype(device: str) -> str:
    """`bfloat16` where its matrix products are native, else `float32`; `GRADUS_DTYPE` decides otherwise.

    Emulated bf16 products are slower than fp32 ones. With `bfloat16` the frozen base of a training is bf16, and label
    scoring looks again in fp32 where a bf16 answer is close.
    """
    chosen = os.environ.get("GRADUS_DTYPE", "")
    if chosen in DTYPES:
        return chosen
    return "bfloat16" if device == "cuda" or CPU_BF16 & _cpu_flags() else "float32"


@lru_cache(maxsize=1)
def _cpu_flags() -> frozenset[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return frozenset(word for line in lines if line.startswith(("flags", "Features")) for word in line.split())


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
