"""What this machine computes with. Imports no torch: a worker says it before its runner has started."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

FAST_BF16 = frozenset({"amx_bf16", "bf16", "svebf16"})
AVX_BF16 = "avx512_bf16"
FACTS = ("vendor_id", "flags", "Features")
DTYPES = ("float32", "bfloat16")
# More threads than this make a model of the built-in one's size slower, not faster.
MOST_THREADS = 8


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


def threads(lane: str = "") -> int:
    """Threads of a lane's runner. Lanes share all cores by their nice values; the judge's runner only embeds."""
    return 1 if lane == "judge" else min(cores(), MOST_THREADS)


def cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: those it is bound to, or its control groups' CPU quota, rounded up, if less."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """In cores: the quota of each control group that this process is in, from its own one up, in cgroup v1 or v2.

    A container sees its own group as the root of what is mounted, and mostly not the path that it has on the host.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            own = PurePosixPath(path).relative_to("/")
            yield from (quota for group in (own, *own.parents) for quota in _quota(mount / group))


def _quota(group: Path) -> Iterator[float]:
    v1 = (_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    match (_text(group / "cpu.max") or " ".join(v1)).split():
        # Without a limit it says `max`, or -1.
        case [quota, period] if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@lru_cache(maxsize=1)
def _cpu_info() -> str:
    return _text(Path("/proc/cpuinfo"))


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
