"""One row of the benchmark, the headline over all rows, and how both are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.job import BFLOAT16, FLOAT32
from workers.engine import hardware

Key = tuple[str, str, str, str, int, str]


@dataclass(frozen=True)
class Measurement:
    """Ours and one peer on the same work.

    `ratio` is `peer_s / ours_s`. `max_abs_diff` and `agree` (share of equal answers) compare *ours* with the oracle,
    `peer_max_abs_diff` and `peer_agree` the peer; nats for log-probabilities and losses, None for texts. A peer that
    was timed on `timed_rows` (training: steps) of `rows` is scaled to all. `problem` says why there is no figure.
    `checkpoint` and `engine` are digests of the weights and of our engine's code.
    """

    peer: str
    version: str
    shape: str
    dtype: str
    output: str
    threads: int
    ours_s: float | None
    peer_s: float | None
    ratio: float | None
    max_abs_diff: float | None
    agree: float | None
    peer_max_abs_diff: float | None = None
    peer_agree: float | None = None
    rows: int = 0
    timed_rows: int = 0
    oracle_rows: int = 0
    machine: str = ""
    note: str = ""
    problem: str = ""
    checkpoint: str = ""
    engine: str = ""

    @property
    def key(self) -> Key:
        """Of two rows with the same key the newer one counts."""
        return self.peer, self.output, self.shape, self.dtype, self.threads, self.machine

    @property
    def scaled(self) -> bool:
        return 0 < self.timed_rows < self.rows

    def line(self) -> str:
        """For people, on one line."""
        head = f"{self.peer} {self.version}  {self.output} {self.shape}  {self.dtype}  {self.threads} threads"
        if self.problem:
            return f"{head}  no figure: {self.problem}"
        timed = f" (timed on {self.timed_rows} of {self.rows}, scaled)" if self.scaled else ""
        return (
            f"{head}  ours {self.ours_s:.2f} s  peer {self.peer_s:.2f} s{timed}  ratio {self.ratio:.2f}  "
            f"difference from the oracle: ours {short(self.max_abs_diff)}, peer {short(self.peer_max_abs_diff)}  "
            f"equal answers: ours {share(self.agree)}, peer {share(self.peer_agree)}"
        )


def short(value: float | None) -> str:
    return "none" if value is None else f"{value:.1e}"


def share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def ratio(ours_s: float | None, peer_s: float | None) -> float | None:
    return round(peer_s / ours_s, 2) if ours_s and peer_s else None


def largest_difference(ours: Sequence[Sequence[float]], oracle: Sequence[Sequence[float]]) -> float:
    """Over the oracle's rows, in nats. NaN anywhere is infinitely far."""
    differences = [
        abs(a - b) for mine, true in zip(ours, oracle, strict=False) for a, b in zip(mine, true, strict=True)
    ]
    return max(math.inf if math.isnan(difference) else difference for difference in differences)


def equal_share(ours: Sequence[Any], oracle: Sequence[Any]) -> float:
    """Share of the oracle's rows with the same answer."""
    pairs = list(zip(ours, oracle, strict=False))
    return sum(mine == true for mine, true in pairs) / len(pairs)


def best(logprobs: Sequence[Sequence[float]]) -> list[int]:
    """The likeliest label of each row."""
    return [max(range(len(row)), key=row.__getitem__) for row in logprobs]


def dtype(name: str) -> str:
    """Raises `ValueError` for one that is not compared."""
    if name not in (FLOAT32, BFLOAT16):
        raise ValueError(f"no dtype {name!r}: {FLOAT32}, {BFLOAT16}")
    return name


def machine() -> str:
    """The CPU's name and how many cores this process may use."""
    return f"{_cpu()}, {hardware.cores()} cores"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    name = facts.get("model name", "unknown CPU")
    family = f" (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else ""
    extensions = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return f"{name}{family}" + (f" with {', '.join(extensions)}" if extensions else "")
