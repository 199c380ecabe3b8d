"""Defines a row of the benchmark, and compares answers with the oracle's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.job import BFLOAT16, FLOAT32

HEAD = (
    "| work | shape | dtype | threads | peer | ours, s | peer, s | ratio | largest difference, ours / peer | "
    "equal answers, ours / peer |"
)
Key = tuple[str, str, str, str, int, str]


@dataclass(frozen=True)
class Measurement:
    """Ours and one peer on the same work.

    `ratio` is `peer_s / ours_s`. `max_abs_diff` and `agree` (share of equal answers) compare *ours* with the oracle,
    `peer_max_abs_diff` and `peer_agree` the peer; nats for log-probabilities and losses, None for texts. A peer that
    was timed on `timed_rows` (training: steps) of `rows` is scaled to all. `problem` says why there is no figure.
    `checkpoint`, `engine` and `choice` are digests of the weights, of our engine's code, and of the engine's choice.
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
    note: str = ""
    problem: str = ""
    checkpoint: str = ""
    engine: str = ""
    device: str = "cpu"
    choice: str = ""

    @property
    def key(self) -> Key:
        """Of two rows with the same key the newer one counts."""
        return self.peer, self.output, self.shape, self.dtype, self.threads, self.device

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


def table(rows: Sequence[Measurement]) -> str:
    """Markdown of all rows with a figure."""
    return "\n".join([HEAD, "|" + " --- |" * 10, *(_cells(row) for row in rows if row.ratio is not None)])


def _cells(row: Measurement) -> str:
    timed = f" ({row.timed_rows} of {row.rows}, scaled)" if row.scaled else ""
    cells = [
        row.output,
        row.shape,
        row.dtype,
        str(row.threads),
        f"{row.peer} {row.version}",
        f"{row.ours_s:.2f}",
        f"{row.peer_s:.2f}{timed}",
        f"**{row.ratio:.2f}**",
        f"{short(row.max_abs_diff)} / {short(row.peer_max_abs_diff)}",
        f"{share(row.agree)} / {share(row.peer_agree)}",
    ]
    return f"| {' | '.join(cells)} |"


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
