"""What a machine lacks for a training method is known before anything is trained."""

import os
import shutil
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest

from workers.sandbox import capabilities
from workers.sandbox.confinement import FILE_BYTES

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def _looks_anew():
    capabilities.quantisation.cache_clear()
    yield
    capabilities.quantisation.cache_clear()


@pytest.fixture
def model(tmp_path):
    """A base model of 135 million weights, without their content."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").touch()
    os.truncate(folder / "model.safetensors", 4 * 135_000_000)
    return folder


def lacking(method, model, memory=16 * GB, device="cpu"):
    return capabilities.lacking(method, model, model.parent, device, memory)


def test_this_machine_can_do_all_and_a_whole_model_needs_memory_and_room(model, monkeypatch):
    assert [lacking(method, model) for method in ("lora", "qlora", "full", "dpo")] == [""] * 4
    assert "needs 5.9 GB of memory, and 4.0 GB can be used" in lacking("full", model, 4 * GB)
    assert lacking("lora", model, 4 * GB) == lacking("dpo", model, 4 * GB) == ""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=GB // 10))
    assert "needs 0.3 GB of disk space, and 0.1 GB are free" in lacking("full", model)
    os.truncate(model / "model.safetensors", 2 * FILE_BYTES + 8)
    assert "are allowed" in lacking("full", model)


def test_without_bitsandbytes_and_its_library_for_this_machine_there_are_no_4_bits(model, monkeypatch, tmp_path):
    monkeypatch.setattr(capabilities, "find_spec", lambda _: None)
    assert "not installed" in lacking("qlora", model)
    assert lacking("lora", model) == ""
    package = ModuleSpec("bitsandbytes", None, is_package=True)
    package.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr(capabilities, "find_spec", lambda _: package)
    for content in (None, b"not a library"):
        if content:
            (tmp_path / "libbitsandbytes_cpu.so").write_bytes(content)
        capabilities.quantisation.cache_clear()
        assert "does not support this machine" in lacking("qlora", model)
    (tmp_path / "libbitsandbytes_cuda130.so").touch()
    assert lacking("qlora", model, device="cuda") == ""


def test_memory_is_that_of_the_container_if_that_is_less(tmp_path):
    for folder in ("proc", "sys/fs/cgroup"):
        (tmp_path / folder).mkdir(parents=True)
    assert capabilities.memory(free=True, root=tmp_path) == 1 << 60
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    assert capabilities.memory(free=True, root=tmp_path) == 3000 * 1024
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("2000000\n")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("500000\n")
    assert capabilities.memory(free=True, root=tmp_path) == 1_500_000
    assert capabilities.memory(free=False, root=tmp_path) == 2_000_000
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("max\n")
    assert capabilities.memory(free=False, root=tmp_path) == 4000 * 1024
