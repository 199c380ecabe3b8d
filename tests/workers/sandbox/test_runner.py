"""The runner and its supervisor, with a real child process and the tiny model."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from graders.base import Embed, Generate, Rejected, Score, Train
from tests.workers import tiny
from workers.engine import scoring
from workers.engine.choice import DEFAULT
from workers.engine.watch import Watch
from workers.sandbox import adapter_files, launch, supervisor
from workers.sandbox.runner import _report
from workers.sandbox.supervisor import Runner, RunnerDied, RunnerFailed, RunnerTimeout, Stopped, WorkLimit

SCORE = Score(tiny.NAME, "Sort.\n\n", ("Input: rash\nOutput:", "Input: pain\nOutput:"), (" skin", " heart"), stage="s")
ROWS = (("Input: rash\nOutput:", " skin"), ("Input: pain after meals\nOutput:", " stomach"))
TRAIN = Train(
    tiny.NAME, ROWS, (), r=4, lora_alpha=8, learning_rate=1e-3, num_train_epochs=2,
    per_device_train_batch_size=2, seed=1,
)  # fmt: skip
LIGHT = "tests.workers.sandbox.light_runner"
ENDLESS = replace(TRAIN, num_train_epochs=1_000_000)


def never():
    return False


def run(runner, item, *, on_event=lambda event: None, should_stop=never, seconds=60.0):
    return runner.run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)


class Settled:
    """A choice that is never measured: on a busy machine, the timer of each runner could choose another way."""

    def __init__(self, choice=DEFAULT):
        self.choice = choice

    def find(self, place):
        return self.choice

    def keep(self, place, choice):
        raise AssertionError("a choice was measured")


@pytest.fixture(scope="module")
def runner(models_dir):
    made = Runner(threads=1, models_dir=models_dir, device="cpu", dtype="float32", choices=Settled())
    yield made
    made.close()


@pytest.fixture
def started(models_dir):
    """Makes runners, and ends them."""
    made = []

    def make(models_dir=models_dir, **options):
        made.append(Runner(threads=1, models_dir=models_dir, **{"device": "cpu", "choices": Settled(), **options}))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


@pytest.fixture
def light(started, monkeypatch):
    """A runner without torch, for what happens to its process; each start of the other one takes seconds."""
    monkeypatch.setattr(launch, "MODULE", LIGHT)
    return started()


class Seen:
    """Collects events, and calls a function at the n-th event of a type."""

    def __init__(self, kind="loss", at=2, act=lambda: None):
        self.events, self.kind, self.at, self.act = [], kind, at, act

    def __call__(self, event):
        self.events.append(event)
        if sum(seen["type"] == self.kind for seen in self.events) == self.at:
            self.act()


def pid(runner):
    return runner._process.pid


def test_ctrl_c_in_a_terminal_is_left_to_the_supervisor(runner):
    expected, process = run(runner, SCORE), pid(runner)
    os.kill(process, signal.SIGINT)
    assert replace(run(runner, SCORE), seconds=0.0) == replace(expected, seconds=0.0)
    assert pid(runner) == process


@pytest.mark.slow
def test_low_precision_is_told_to_the_runner_and_decides_alike(started, runner):
    in_bf16 = started(dtype="bfloat16", choices=Settled(replace(DEFAULT, dtype="bfloat16")))
    exact, fast = run(runner, SCORE).logprobs, run(in_bf16, SCORE).logprobs
    assert fast != exact and run(in_bf16, replace(SCORE, exact=True)).logprobs == exact
    assert [row.index(max(row)) for row in fast] == [row.index(max(row)) for row in exact]


def test_one_process_serves_many_jobs_as_the_engine_would_and_keeps_an_adapter_until_the_next_training(runner, base):
    events = []
    scored = run(runner, SCORE, on_event=events.append)
    expected = scoring.score(base, base.model, SCORE, Watch())
    assert (scored.logprobs, scored.prompt_tokens) == (expected.logprobs, expected.prompt_tokens)
    assert events[0] == {"type": "progress", "stage": "s", "done": 0, "total": 2}
    process, trained = pid(runner), run(runner, TRAIN)
    assert run(runner, replace(SCORE, adapter=trained.files)).logprobs != run(runner, SCORE).logprobs
    assert len(run(runner, Generate(tiny.NAME, "", ("a", "b"), 4)).texts) == 2
    assert len(run(runner, Embed(("sea",))).vectors[0]) == 384
    # The worker puts an adapter, such as that of the demo, into a folder that its runner may read.
    given = launch.given_folder() / "given"
    given.mkdir(exist_ok=True)
    for name, content in adapter_files.read(Path(trained.files)).items():
        assert content
        (given / name).write_bytes(content)
    again = run(runner, TRAIN)
    assert not Path(trained.files).exists() and Path(again.files).is_dir()
    assert run(runner, replace(SCORE, adapter=str(given))).logprobs != expected.logprobs
    assert pid(runner) == process


def test_stop_is_polite_and_keeps_the_process(runner):
    run(runner, SCORE)
    before, stop = pid(runner), threading.Event()
    with pytest.raises(Stopped):
        run(runner, ENDLESS, on_event=Seen(act=stop.set), should_stop=stop.is_set)
    assert run(runner, SCORE).prompt_tokens
    assert pid(runner) == before


def test_stop_kills_a_runner_that_does_not_listen(light, monkeypatch):
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.3)
    run(light, SCORE)
    before, stop = pid(light), threading.Event()

    def freeze():
        os.kill(before, signal.SIGSTOP)
        stop.set()

    with pytest.raises(Stopped):
        run(light, ENDLESS, on_event=Seen(act=freeze), should_stop=stop.is_set)
    assert run(light, SCORE).prompt_tokens and pid(light) != before


def test_overrun_is_killed_and_an_error_while_an_event_is_taken_leaves_no_job_running(light, monkeypatch):
    monkeypatch.setattr(supervisor, "WALL_FACTOR", 1000)
    run(light, SCORE)
    before = pid(light)
    with pytest.raises(WorkLimit):
        run(light, ENDLESS, seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert run(light, SCORE).prompt_tokens

    def refuse():
        raise LookupError("lease lost")

    with pytest.raises(LookupError):
        run(light, ENDLESS, on_event=Seen(act=refuse))
    assert run(light, SCORE).prompt_tokens


@pytest.mark.skipif(sys.platform != "linux", reason="reads CPU times")
@pytest.mark.parametrize("wakes", [True, False])
def test_time_in_which_the_runner_does_not_run_is_no_work_but_ends_at_three_times_the_limit(light, monkeypatch, wakes):
    """It stands still beyond its limit, as on a machine that does something else, and then goes on, or never."""
    run(light, SCORE)
    before, worked, limit, item = pid(light), light.worked(), 0.8, replace(TRAIN, num_train_epochs=20)
    awake = threading.Timer(2 * limit if wakes else 100 * limit, os.kill, (before, signal.SIGCONT))

    def stand_still():
        if awake.ident is None:
            os.kill(before, signal.SIGSTOP)
            awake.start()

    still, started = Seen(act=stand_still), time.monotonic()
    if wakes:
        monkeypatch.setattr(supervisor, "WALL_FACTOR", 1000)
        run(light, item, on_event=still, seconds=limit)
        awake.join()
        assert time.monotonic() - started > 2 * limit and 0 < light.worked() - worked < limit
    else:
        with pytest.raises(RunnerTimeout) as caught:
            run(light, item, on_event=still, seconds=limit)
        awake.cancel()
        assert not isinstance(caught.value, WorkLimit)
        assert time.monotonic() - started > 3 * limit
    assert run(light, SCORE).prompt_tokens


def test_a_runner_that_is_killed_is_told_and_started_again_also_where_it_died_between_jobs(light):
    run(light, SCORE)
    with pytest.raises(RunnerDied):
        run(light, ENDLESS, on_event=Seen(act=lambda: os.kill(pid(light), signal.SIGKILL)))
    assert run(light, SCORE).prompt_tokens
    dead = light._process
    dead.kill()
    dead.wait()
    assert run(light, SCORE).prompt_tokens


def test_leavings_of_killed_workers_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(launch.tempfile, "gettempdir", lambda: str(tmp_path))
    dead, alive, other = (
        tmp_path / name for name in ("gradus-runner-4194999-x", f"gradus-runner-{os.getpid()}-x", "y")
    )
    for folder in (dead, alive, other):
        folder.mkdir()
    launch.sweep()
    assert sorted(tmp_path.iterdir()) == sorted([alive, other])


# `test_isolation.py` bounds the memory of a process that starts sooner.
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_job_that_needs_too_much_memory_is_refused_and_the_runner_lives_on(tmp_path, started):
    """The limit is slightly above the memory of a runner that does a small job first.

    The model is wide and the rows differ from their first token on, so that a step needs far more memory than an
    allocator keeps in reserve.
    """
    tiny.build(tmp_path, intermediate_size=16384)
    fresh = started(tmp_path)
    run(fresh, TRAIN)
    pages = int(Path(f"/proc/{pid(fresh)}/statm").read_text().split()[0])
    fresh.close()
    tight = started(tmp_path, memory_bytes=pages * resource.getpagesize() + 8 * 1024**2)
    long = tuple((f"{number} " + "rash " * 90, " skin") for number in range(2048))
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            run(tight, replace(TRAIN, rows=long, per_device_train_batch_size=2048))
        assert caught.value.code == "out_of_memory"
        assert tight._process.poll() is None


@pytest.mark.slow
def test_a_runner_that_works_prints_nothing(started, capfd):
    """Its output is the log of its worker, which `make up` shows on the terminal."""
    made = started()
    run(made, SCORE)
    run(made, TRAIN)
    made.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("module", [LIGHT, pytest.param(launch.MODULE, marks=pytest.mark.slow)])
def test_a_runner_does_not_compute_with_damaged_weights_and_loads_mended_ones(
    models_dir, tmp_path, monkeypatch, started, module
):
    """The process maps the file, so a change in place reaches what it has loaded; a new file does not."""
    monkeypatch.setattr(launch, "MODULE", module)
    file = shutil.copytree(models_dir / tiny.NAME, tmp_path / tiny.NAME) / "model.safetensors"
    whole, made = file.read_bytes(), started(tmp_path)
    right, first = run(made, SCORE).logprobs, pid(made)
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(RunnerFailed, match="digest"):
        run(made, SCORE)
    replaced = tmp_path / "replaced"
    replaced.write_bytes(whole)
    replaced.rename(file)
    assert run(made, SCORE).logprobs == right and pid(made) != first
    second = pid(made)
    assert run(made, SCORE).logprobs == right and pid(made) == second


def test_the_learners_fault_is_told_as_such_and_ours_names_its_kind_and_no_text(runner):
    with pytest.raises(Rejected) as rejected:
        run(runner, replace(TRAIN, learning_rate=1e30))
    assert rejected.value.code == "diverged"
    with pytest.raises(RunnerFailed) as failed:
        run(runner, replace(SCORE, model="absent", suffixes=("the-hidden-row",)))
    assert str(failed.value) == "FileNotFoundError"
    assert run(runner, SCORE).prompt_tokens


def test_log_of_a_failure_holds_no_text(capsys):
    row = "-".join(("the", "hidden", "row"))
    try:
        raise ValueError(row)
    except ValueError as error:
        _report(error)
    logged = capsys.readouterr().err
    assert "ValueError" in logged and "test_runner.py" in logged and row not in logged


def test_threads_take_turns(runner):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(runner, SCORE).logprobs, range(4)))
    assert all(result == results[0] for result in results)


def test_environment_holds_no_secret(light, monkeypatch):
    secrets = ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "SECRET_KEY", "GRADUS_JUDGE_MODEL")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    run(light, SCORE)
    environment = Path(f"/proc/{pid(light)}/environ").read_bytes().decode().split("\0")
    assert not any("secret" in entry for entry in environment)
    assert "HF_HUB_OFFLINE=1" in environment and "OMP_NUM_THREADS=1" in environment
    assert Path(f"/proc/{pid(light)}/cwd").resolve() == light._scratch


def test_close_ends_the_process_and_removes_its_files(light):
    trained = run(light, TRAIN)
    child, scratch = light._process, light._scratch
    assert Path(trained.files).parent == scratch
    light.close()
    assert child.poll() is not None and not scratch.exists()
    light.close()


def test_runner_dies_with_its_worker(models_dir, tmp_path):
    """A worker that is killed (SIGKILL) leaves no runner behind."""
    script = (
        "import os, signal\n"
        "from graders.base import Score\n"
        "from workers.sandbox import launch\n"
        "from workers.sandbox.supervisor import Runner\n"
        f"launch.MODULE = {LIGHT!r}\n"
        f"runner = Runner(threads=1, models_dir={str(models_dir)!r})\n"
        f"item = Score({tiny.NAME!r}, 'a', ('b',), ('c',))\n"
        "runner.run(item, on_event=print, should_stop=lambda: False, seconds=60)\n"
        "print(runner._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    worker = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert worker.returncode == -signal.SIGKILL, worker.stderr
    child = int(worker.stdout.split()[-1])
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            return
        threading.Event().wait(0.05)
    pytest.fail("the runner outlived its worker")


@pytest.mark.parametrize(
    ("method", "files"),
    [
        ("lora", set(adapter_files.NAMES)),
        ("qlora", {*adapter_files.NAMES, adapter_files.MARK}),
        ("full", set(adapter_files.CHECKPOINT)),
        ("dpo", set(adapter_files.NAMES)),
    ],
)
def test_each_training_method_works_shut_in(runner, method, files):
    """Torch, transformers and PEFT work under all restrictions, and the worker can read what they have made."""
    rows = tuple((*row, f"{row[1]} and more") for row in ROWS) if method == "dpo" else ROWS
    trained = run(runner, replace(TRAIN, method=method, rows=rows))
    assert set(adapter_files.read(Path(trained.files))) == files
    assert run(runner, replace(SCORE, adapter=trained.files)).logprobs != run(runner, SCORE).logprobs
    runner.forget()
    assert not Path(trained.files).exists()


def test_a_method_for_which_there_is_no_room_is_refused_before_it_begins(models_dir, tmp_path, light, started):
    """A model whose file is so large (and empty) that its checkpoint could not be written."""
    folder = shutil.copytree(models_dir / tiny.NAME, tmp_path / "huge")
    os.truncate(folder / "model.safetensors", 5 * 1024**3)
    (folder / "digest.txt").unlink()
    with pytest.raises(Rejected) as caught:
        run(started(tmp_path), replace(TRAIN, model="huge", method="full"))
    assert caught.value.code == "method_unavailable" and "2.1 GB are allowed" in caught.value.detail


def test_a_runner_that_cannot_load_or_that_the_machine_cannot_start_has_died(started, monkeypatch):
    def refused(*_, **__):
        raise BlockingIOError("no process can be made")

    monkeypatch.setattr(launch, "MODULE", "no_such_module")
    with pytest.raises(RunnerDied):
        run(started(), SCORE, seconds=5)
    monkeypatch.setattr(launch.subprocess, "Popen", refused)
    with pytest.raises(RunnerDied, match="BlockingIOError"):
        run(started(), SCORE, seconds=5)


def test_adapter_outside_the_scratch_folder_is_not_believed(runner, tmp_path):
    run(runner, SCORE)
    for name in adapter_files.NAMES:
        (tmp_path / name).write_text("x")
    claim = {
        "files": str(tmp_path), "steps": 1, "train_loss": 0.1, "valid_loss": None, "trainable_share": 0.1,
        "adapter_bytes": 1, "tokens": 1, "seconds": 1.0,
    }  # fmt: skip
    with pytest.raises(RunnerDied):
        runner._checked(TRAIN, claim)
    with pytest.raises(RunnerDied):
        runner._checked(TRAIN, {"files": 3})


def test_nothing_here_imports_torch_in_the_worker():
    modules = "workers.execute, workers.sandbox.supervisor, workers.engine.fetch"
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.slow
def test_the_peak_memory_of_a_training_run_is_that_of_all_weights_more_than_that_of_an_adapter(tmp_path, started):
    """The confined runner measures itself; a model this large moves the kernel's count of pages."""
    tiny.build(
        tmp_path, hidden_size=256, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=8, head_dim=32
    )
    made = started(tmp_path, dtype="float32")
    adapter, every = (run(made, replace(TRAIN, method=method, r=4)).peak_bytes for method in ("lora", "full"))
    weights = 4 * 6 * (4 * 256 * 256 + 3 * 256 * 1024)
    # A copy of every weight, its gradient and the optimiser's two averages.
    assert adapter is not None and every is not None
    assert 0 < adapter < weights < 3 * weights < every < 12 * weights
