"""The kind of machine that figures belong to, and the name of its results file. Imports torch for a GPU alone."""

from __future__ import annotations

import re

from workers.engine import hardware
from workers.engine.choice import cpu_name

RANDOM = "random weights"
CPU = re.compile(r"(\w+).*\(family (\d+), model (\d+)\)")


class NoGpu(Exception):
    """A GPU was asked for and torch cannot use one; the text says how to go on."""


def check(device: str) -> str:
    """`device`, if torch can use it. Raises `NoGpu`."""
    if device == "cuda" and not _gpus():
        raise NoGpu(
            "torch sees no GPU on this machine (torch.cuda.is_available() is false); leave out --device cuda, or "
            "install a build of torch for CUDA on a machine with an NVIDIA GPU"
        )
    return device


def _gpus() -> list[str]:
    """Names of the GPUs that torch can use."""
    import torch

    return [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]


def name(device: str = "cpu", *, random_weights: bool = False) -> str:
    """The name of the CPU or GPU that computes. Figures of random weights belong to a kind of machine of their own."""
    found = _gpus()[0] if device == "cuda" else cpu_name()
    return f"{found}, {RANDOM}" if random_weights else found


def with_cores() -> str:
    """The CPU's name and how many cores this process may use."""
    return f"{cpu_name()}, {hardware.cores()} cores"


def slug(machine: str) -> str:
    """`machine` as a file name: vendor, family and model of a CPU, and whether it has AMX; else all of its words."""
    known = CPU.match(machine)
    if known is None:
        return "-".join(re.findall(r"[a-z0-9]+", machine.lower()))
    vendor, family, model = known.groups()
    marks = ("-amx" if "amx_bf16" in machine else "") + ("-random-weights" if machine.endswith(RANDOM) else "")
    return f"{vendor.lower()}-family-{family}-model-{model}{marks}"
