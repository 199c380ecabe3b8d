"""Which way of computing a base model takes on a machine, and where that choice is kept. Imports no torch.

The engine times its few ways when a base model is first used on a kind of machine (`timer`). Afterwards every host of
that kind computes alike, and so does a second try of a job: a choice is never measured again while it is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RULES = 1
"""Raised when the ways, or how they are timed, change, so that kept choices are measured again."""
WAYS: Mapping[str, tuple[str, ...]] = {
    "attention": ("flash", "products"),
    "product": ("linear", "onednn"),
    "dtype": ("float32", "bfloat16"),
}
FEWEST_TOKENS, MOST_TOKENS = 64, 1 << 20


@dataclass(frozen=True)
class Choice:
    """How one base model computes on one kind of machine.

    `attention` and `product` name a way in `kernels`; `dtype` is that of the screening pass over labels,
    after which labels that lie close are scored again in fp32. A call holds about `call_tokens` tokens. `timings` are
    the seconds of each candidate on the trial work.
    """

    attention: str
    product: str
    dtype: str
    call_tokens: int
    timings: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for name, ways in WAYS.items():
            if getattr(self, name) not in ways:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(ways)}")
        if not FEWEST_TOKENS <= self.call_tokens <= MOST_TOKENS:
            raise ValueError(f"call_tokens is {self.call_tokens}; it must be {FEWEST_TOKENS} to {MOST_TOKENS}")

    @property
    def digest(self) -> str:
        """12 hexadecimal digits over everything but the timings."""
        facts = [self.attention, self.product, self.dtype, self.call_tokens]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]

    @property
    def reason(self) -> str:
        """The choice and what was measured, the fastest first, on one line."""
        chosen = (
            f"attention: {self.attention}; products: {self.product}; first pass over labels: {self.dtype}; "
            f"calls of {self.call_tokens} tokens"
        )
        measured = ", ".join(f"{name} {seconds:.3f} s" for seconds, name in self._fastest_first())
        return f"{chosen} (measured: {measured})" if measured else f"{chosen} (not measured)"

    def _fastest_first(self) -> list[tuple[float, str]]:
        # A database may keep the keys of JSON in another order.
        return sorted((seconds, name) for name, seconds in self.timings.items())

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "timings": dict(self.timings)}

    @classmethod
    def from_json(cls, data: Any) -> Choice:
        """Raises `ValueError` where `data` is not what `as_json` gives."""
        match data:
            case {"attention": str(), "product": str(), "dtype": str(), "call_tokens": int(), "timings": dict(timings)}:
                if all(isinstance(value, int | float) for value in timings.values()) and len(data) == 5:
                    return cls(**{**data, "timings": {str(name): float(value) for name, value in timings.items()}})
        raise ValueError("this is not a choice of the engine")


DEFAULT = Choice("flash", "linear", "float32", 2048)
PLAIN = Choice("products", "linear", "float32", 2048)
"""Public operations of torch alone, for `GRADUS_ENGINE=plain`."""


def only_plain() -> bool:
    """Whether every special way is switched off, by `GRADUS_ENGINE=plain`."""
    return os.environ.get("GRADUS_ENGINE", "") == "plain"


@dataclass(frozen=True)
class Place:
    """What a choice is kept by: the digest of the weights, the CPU's name, and what else matters for speed."""

    model: str
    cpu: str
    threads: int
    device: str
    versions: str

    @classmethod
    def of(cls, models_dir: Path, name: str, threads: int, device: str) -> Place:
        """That of the base model `name` on this machine."""
        digest = models_dir / Path(name).name / "digest.txt"
        model = digest.read_text().strip() if digest.is_file() else name
        versions = ", ".join(f"{package} {_version(package)}" for package in ("torch", "transformers"))
        return cls(model, cpu_name(), threads, device, f"{versions}, rules {RULES}")

    @property
    def key(self) -> str:
        """A hexadecimal digest of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's name with family, model and the extensions that matter for products in bf16."""
    lines = info.read_text().splitlines() if info.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    name = facts.get("model name", "unknown CPU")
    family = f" (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else ""
    extensions = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return f"{name}{family}" + (f" with {', '.join(extensions)}" if extensions else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
