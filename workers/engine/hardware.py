"""What this machine computes with. Imports no torch: a worker says it before its runner has started."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

DTYPES = ("float32", "bfloat16")
# More threads than this make a model of the built-in one's size slower, not faster.
MOST_THREADS = 8
DEVICE = re.compile(r"cpu|cuda(:\d{1,2})?")


def device() -> str:
    """`cuda` where there is a GPU and a torch that can use it, else `cpu`; `GRADUS_DEVICE`, as `cuda:1`, decides."""
    if DEVICE.fullmatch(chosen := os.environ.get("GRADUS_DEVICE", "")):
        return chosen.partition(":")[0]
    return "cuda" if Path("/dev/nvidiactl").exists() and not _torch().endswith("+cpu") else "cpu"


def gpu_bytes() -> int | None:
    """How much of its GPU's memory a runner may take: `GRADUS_GPU_MEMORY` in GiB; None for all of it."""
    given = os.environ.get("GRADUS_GPU_MEMORY", "").strip()
    return int(given) << 30 if given.isdigit() and int(given) else None


def training_dtype() -> str:
    """What LoRA's products are computed in: `GRADUS_TRAINING_DTYPE`, or `float32`.

    It is a setting and not measured, because it changes adapters: all hosts of a site should train alike.
    """
    chosen = os.environ.get("GRADUS_TRAINING_DTYPE", "")
    return chosen if chosen in DTYPES else "float32"


def threads(lane: str = "") -> int:
    """Threads of a lane's runner: `GRADUS_THREADS`, or by its cores. Lanes share all cores by their nice values; the
    judge's runner only embeds.
    """
    given = os.environ.get("GRADUS_THREADS", "").strip()
    if lane and given.isdigit() and int(given):
        return int(given)
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


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
