import pytest

from workers import work
from workers.engine import hardware
from workers.sandbox import launch
from workers.sandbox.supervisor import Runner


def test_every_machine_trains_in_fp32_unless_a_setting_says_otherwise(monkeypatch):
    monkeypatch.delenv("GRADUS_TRAINING_DTYPE", raising=False)
    assert (hardware.training_dtype(), Runner(device="cuda").dtype) == ("float32", "float32")
    monkeypatch.setenv("GRADUS_TRAINING_DTYPE", "bfloat16")
    assert (hardware.training_dtype(), Runner(device="cpu").dtype) == ("bfloat16", "bfloat16")


@pytest.mark.parametrize(
    ("chosen", "ours", "visible"),
    [
        ("cuda", None, None),
        ("cpu", "0,1", "0,1"),
        ("cuda", "2,3", "2,3"),
        ("cuda:0", None, "0"),
        ("cuda:01", None, "1"),
        ("cuda:1", "2,3", "3"),
        ("cuda:1", "GPU-8932f937, MIG-1c2d", "MIG-1c2d"),
    ],
)
def test_a_runner_sees_the_gpu_that_was_chosen_of_those_its_worker_sees(monkeypatch, tmp_path, chosen, ours, visible):
    monkeypatch.setenv("GRADUS_DEVICE", chosen)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if ours is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    assert hardware.device() == chosen.partition(":")[0]
    assert launch.environment(tmp_path, 1).get("CUDA_VISIBLE_DEVICES") == visible
    monkeypatch.setenv("GRADUS_DEVICE", "cuda:2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    with pytest.raises(ValueError, match="names 2 GPUs"):
        launch.environment(tmp_path, 1)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Writes a tree with `files` and says that the process may use `cores` of the CPU's."""

    def of(cores, files=None):
        monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return of


V1 = {"proc/self/cgroup": "4:memory:/a\n1:cpu,cpuacct:/docker/1\n0::/elsewhere\n"}
V2 = {"proc/self/cgroup": "0::/gradus.slice/worker.service\n"}
SLICE = "sys/fs/cgroup/gradus.slice/"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 32),
        (V2, 32),
        (V2 | {"sys/fs/cgroup/other.slice/cpu.max": "100000 100000"}, 32),
        (V2 | {f"{SLICE}worker.service/cpu.max": "max 100000\n", f"{SLICE}cpu.max": "max 100000\n"}, 32),
        (V2 | {f"{SLICE}worker.service/cpu.max": "250000 100000\n"}, 3),
        (V2 | {f"{SLICE}worker.service/cpu.max": "400000 100000\n", f"{SLICE}cpu.max": "200000 100000\n"}, 2),
        (V2 | {f"{SLICE}worker.service/cpu.max": "10000 100000\n"}, 1),
        (V2 | {f"{SLICE}worker.service/cpu.max": "6400000 100000\n"}, 32),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        (V1 | {"sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "-1"}, 32),
        # In a container the path is the host's, and its own group is mounted as the root.
        (V1 | {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000\n"}, 6),
    ],
)  # fmt: skip
def test_cores_are_those_it_is_bound_to_within_the_quotas_of_its_control_groups(machine, files, cores):
    assert hardware.cores(machine(32, files)) == cores


@pytest.mark.parametrize(("bound", "lane", "threads"), [(32, "train", 8), (4, "grade", 4), (32, "judge", 1)])
def test_a_worker_takes_its_lanes_threads_or_those_that_an_admin_chose(machine, monkeypatch, bound, lane, threads):
    machine(bound)
    monkeypatch.setattr(hardware, "_quotas", lambda root: [])
    monkeypatch.delenv("GRADUS_THREADS", raising=False)
    assert work.Worker(lane).runner.threads == threads
    monkeypatch.setenv("GRADUS_THREADS", "12")
    assert work.Worker(lane).runner.threads == 12
    monkeypatch.delenv("GRADUS_THREADS")
    # Without a lane it takes no more than help.
    monkeypatch.setattr(hardware, "_quotas", lambda root: [2.5])
    assert (Runner().threads, Runner(threads=5).threads) == (3, 5)
