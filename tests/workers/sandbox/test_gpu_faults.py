"""A GPU that fails, is full, or has an old driver: torch's own errors, raised where no GPU is."""

import pytest
import torch

from graders.base import Rejected, Score
from tests.workers import tiny
from workers.engine import hardware, models
from workers.engine.prompts import call_tokens, free_on_gpu
from workers.sandbox import confinement, gpu, limits, runner
from workers.sandbox.frames import item_message
from workers.sandbox.supervisor import GpuFailed, Runner

GIB = 1 << 30
ITEM = Score(tiny.NAME, "One row", (" is enough",), (" yes", " no"))
OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by downloading "
    "and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 22.00 GiB."
GONE = "CUDA error: unspecified launch failure\nCUDA kernel errors might be reported at some other API call"


@pytest.fixture
def full_gpu(monkeypatch):
    """A GPU of 22 GiB, of which 1 is free, this process holds `own`, and other processes hold the rest."""

    def make(own):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (1 * GIB, 22 * GIB))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: own * GIB)

    return make


class Failing:
    """A session whose every item raises `error`."""

    def __init__(self, error):
        self.error = error

    def run(self, *given, **more):
        raise self.error


def answer(error):
    """What a runner tells its worker after an error in a job."""
    jobs = runner.Jobs(None, lambda: Failing(error))
    jobs.channel = type("Silent", (), {"receive": lambda self, seconds: None, "send": lambda *given: None})()
    return jobs._answer(7, item_message(7, ITEM))


def test_a_gpu_that_is_gone_is_no_fault_of_the_job_and_other_errors_keep_their_texts_to_themselves():
    said = answer(torch.AcceleratorError(GONE))
    assert said == {"type": "gpu_failed", "job": 7, "error": "the GPU failed: CUDA error: unspecified launch failure"}
    assert answer(RuntimeError("a row of the learner"))["type"] == "failed"
    assert gpu.fault(ValueError("")) == "" and gpu.fault(torch.OutOfMemoryError(FULL)) == ""


@pytest.mark.parametrize("text", [OLD_DRIVER, "No CUDA GPUs are available", "CUDA unknown error - this may be due to"])
def test_a_driver_that_is_too_old_or_finds_nothing_says_so_in_one_line(text):
    said = answer(RuntimeError(text))
    assert said["type"] == "gpu_failed" and said["error"] == f"the GPU failed: {text[: gpu.REASON_CHARS]}"
    assert len(said["error"].splitlines()) == 1


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="this torch can use a GPU")
def test_a_torch_that_is_built_for_cpus_says_what_to_do_where_a_gpu_was_chosen():
    with pytest.raises(AssertionError) as raised:
        torch.ones(1, device="cuda")
    said = answer(raised.value)
    assert said["type"] == "gpu_failed" and "install its CUDA build, or set GRADUS_DEVICE=cpu" in said["error"]
    assert confinement.start_gpu() == gpu.FOR_CPUS


def test_a_gpu_that_others_fill_gives_the_job_back_and_one_that_the_job_fills_does_not(full_gpu):
    lack = Rejected("out_of_memory")
    assert answer(lack)["type"] == "rejected", "no GPU was started"
    full_gpu(own=20.5)
    assert answer(lack) == {"type": "rejected", "job": 7, "code": "out_of_memory", "detail": ""}
    full_gpu(own=2)
    said = "the GPU failed: no memory was left: other processes hold 19.0 of its 22.0 GiB"
    assert answer(lack) == {"type": "gpu_failed", "job": 7, "error": said}
    assert answer(Rejected("diverged"))["type"] == "rejected"


@pytest.mark.parametrize("read", ["_result", "_measured"])
def test_the_worker_hears_of_it_and_ends_the_runner(models_dir, read):
    """A process that has met an error of CUDA can use the GPU no more."""
    made = Runner(models_dir=models_dir)
    message = {"type": "gpu_failed", "job": 1, "error": "the GPU failed: " + "x" * 900}
    killed = []
    made._kill = lambda: killed.append(True)
    with pytest.raises(GpuFailed, match=r"^the GPU failed: x+$") as caught, made._ready_or_killed():
        made._measured(message) if read == "_measured" else made._result(ITEM, message)
    assert killed == [True] and len(str(caught.value)) == 200
    made.close()


def test_calls_keep_within_the_memory_that_a_runner_may_take(full_gpu, monkeypatch):
    full_gpu(own=20)
    device = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device=None: 15 * GIB)
    # A GiB is free, and torch keeps five that hold nothing.
    assert free_on_gpu(device) == 6 * GIB
    monkeypatch.setenv("GRADUS_GPU_MEMORY", "16")
    assert hardware.gpu_bytes() == 16 * GIB and free_on_gpu(device) == 1 * GIB
    assert call_tokens(device, 64, 1 << 18) == 1024
    monkeypatch.setenv("GRADUS_GPU_MEMORY", "8")
    assert free_on_gpu(device) == 0 and call_tokens(device, 64) == 64


def test_the_limit_of_a_runner_is_a_setting_and_counts_weights_on_their_way_to_a_gpu(models_dir, monkeypatch):
    weights = (models_dir / tiny.NAME / "model.safetensors").stat().st_size
    monkeypatch.delenv("GRADUS_RUNNER_MEMORY", raising=False)
    assert limits.memory_bytes(models_dir, "cpu") == 16 * GIB
    assert limits.memory_bytes(models_dir, "cuda") == 16 * GIB + weights
    monkeypatch.setenv("GRADUS_RUNNER_MEMORY", "40")
    assert Runner(models_dir=models_dir, device="cpu").memory_bytes == 40 * GIB
    assert Runner(models_dir=models_dir, device="cuda").memory_bytes == 40 * GIB + weights
    assert limits.memory_bytes(models_dir / "nothing", "cuda") == 40 * GIB


def test_weights_go_to_a_device_that_is_not_the_cpu_one_by_one(models_dir, monkeypatch):
    """transformers' loader puts each weight where `device_map` says; `cpu:0` stands in for a GPU."""
    asked = []
    load = models.AutoModelForCausalLM.from_pretrained

    def noted(*given, **more):
        asked.append(more)
        return load(*given, **more)

    monkeypatch.setattr(models.AutoModelForCausalLM, "from_pretrained", noted)
    there, here = models.load(models_dir / tiny.NAME, "cpu:0"), models.load(models_dir / tiny.NAME)
    assert [one["device_map"] for one in asked] == [{"": "cpu:0"}, None]
    for one, other in zip(there.model.parameters(), here.model.parameters(), strict=True):
        assert one.device.type == "cpu" and not one.requires_grad and torch.equal(one, other)
