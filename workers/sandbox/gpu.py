"""What a runner knows of its GPU: how much memory is free, who holds it, and whether an error is the GPU's."""

from __future__ import annotations

import sys

from workers.engine import memory

# How errors of CUDA, its driver and its libraries begin or what they name, where torch raises a plain RuntimeError.
WORDS = ("CUDA error", "CUDA driver", "CUDA unknown error", "NVIDIA driver", "No CUDA GPUs", "CUBLAS_STATUS", "cuDNN")
REASON_CHARS = 200
# What torch's build for CPUs says, by an AssertionError, where a GPU was chosen.
NOT_BUILT = "Torch not compiled with CUDA"
FOR_CPUS = "torch on this machine is built for CPUs only: install its CUDA build, or set GRADUS_DEVICE=cpu"
OTHERS = 0.1
"""The share of a GPU's memory that other processes hold, from which a lack of memory is not the job's."""


def fault(error: BaseException) -> str:
    """The first line of an error that is the GPU's or its driver's, and no job's; "" for every other error.

    Such a line is CUDA's own and holds no text of a learner. After it, the process can use the GPU no more.
    """
    lines = str(error).strip().splitlines() or [""]
    if lines[0].startswith(NOT_BUILT):
        return FOR_CPUS
    torch = sys.modules.get("torch")
    own = torch is not None and isinstance(error, torch.AcceleratorError)
    if memory.ran_out(error) or not (own or any(word in lines[0] for word in WORDS)):
        return ""
    return lines[0][:REASON_CHARS]


def taken() -> str:
    """Says how much of the GPU's memory other processes hold, if it is enough to explain a lack of it; else ""."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ""
    free, total = torch.cuda.mem_get_info()
    others = total - free - torch.cuda.memory_reserved()
    if others < OTHERS * total:
        return ""
    return f"no memory was left: other processes hold {others / 2**30:.1f} of its {total / 2**30:.1f} GiB"


def free_bytes() -> int:
    """What this process can still allocate on the GPU. Starts CUDA."""
    import torch

    from workers.engine.prompts import free_on_gpu

    return free_on_gpu(torch.device("cuda"))
