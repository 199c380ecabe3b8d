"""What this machine computes with. Imports no torch: a worker says it before its runner has started."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FAST_BF16 = frozenset({"amx_bf16", "bf16", "svebf16"})
AVX_BF16 = "avx512_bf16"
FACTS = ("vendor_id", "flags", "Features")
DTYPES = ("float32", "bfloat16")


def device() -> str:
    """`cuda` where there is a GPU and a torch that can use it, else `cpu`; `GRADUS_DEVICE` decides otherwise."""
    chosen = os.environ.get("GRADUS_DEVICE", "")
    if chosen in ("cpu", "cuda"):
        return chosen
    return "cuda" if Path("/dev/nvidiactl").exists() and not _torch().endswith("+cpu") else "cpu"


def dtype(device: str) -> str:
    """`bfloat16` where its matrix products are the faster ones, else `float32`; `GRADUS_DTYPE` decides otherwise.

    With `bfloat16` training multiplies in bf16, and labels and tokens are looked at again in fp32 where bf16 does not
    decide between them.
    """
    chosen = os.environ.get("GRADUS_DTYPE", "")
    if chosen in DTYPES:
        return chosen
    return "bfloat16" if device == "cuda" or fast_bf16(_cpu_info()) else "float32"


def fast_bf16(info: str) -> bool:
    """Whether bf16 products are faster than fp32 ones on the CPU that `/proc/cpuinfo` describes so.

    Emulated ones are not. AVX-512's are twice as fast on AMD's CPUs (seen on family 26, model 2) and half as fast on
    Intel's (family 6, model 207), which have AMX for them, unless a virtual machine hides it.
    """
    words = {word for line in info.splitlines() if line.startswith(FACTS) for word in line.split()}
    return bool(FAST_BF16 & words) or (AVX_BF16 in words and "GenuineIntel" not in words)


@lru_cache(maxsize=1)
def _cpu_info() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
