"""Kinds of machines, the names of their results files, and devices that are not there."""

import pytest
import torch

from benchmarks import __main__ as bench
from benchmarks import inference, lora, profile


@pytest.mark.parametrize("command", [bench, inference, lora, profile])
def test_a_gpu_that_is_not_there_is_a_clear_error(command, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SystemExit):
        command.arguments(["--device", "cuda"])
    assert "torch sees no GPU on this machine" in capsys.readouterr().err


def test_on_a_gpu_the_machine_is_the_gpu_and_the_fastest_peer_is_vllm(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: "NVIDIA H100")
    given = bench.arguments(["--device", "cuda", "--json", str(tmp_path / "gpu.json")])
    assert [peer.name for peer in given.peers] == ["vllm", "trl-tuned"]
    assert given.record.machine == "NVIDIA H100"
    assert given.record.file == tmp_path / "gpu.json"


def test_peers_of_cpus_are_refused_on_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: "NVIDIA H100")
    with pytest.raises(SystemExit):
        inference.arguments(["--device", "cuda", "--peers", "llama-cpp"])
    said = capsys.readouterr().err
    assert "no peer llama-cpp on cuda; there are: transformers, transformers-batched, lm-eval, vllm" in said
