"""A real runner tries forbidden actions past the audit hook, as if a learner's input had taken it over."""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from graders.base import Embed
from workers.engine.model_files import PROJECT
from workers.sandbox import adapter_files, landlock, launch, privileges, seccomp
from workers.sandbox.supervisor import Runner, RunnerFailed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own means are Linux's")
REFUSED = (errno.EACCES, errno.EPERM)
needs_landlock = pytest.mark.skipif(not landlock.version(), reason="no Landlock in this kernel")
needs_seccomp = pytest.mark.skipif(platform.machine() not in seccomp.REFUSED, reason="no filter for this processor")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")
HIDDEN = PROJECT / "challenges" / "library" / "fine-tuning-vs-prompting" / "symptom-specialty" / "hidden.jsonl"


@pytest.fixture(scope="module", params=["a user of its own", "the worker's user"])
def prober(request, tmp_path_factory):
    """A probing runner. Under the worker's user it has given up root's capabilities, but still owns root's files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "MODULE", "tests.workers.sandbox.probing_runner")
        if request.param == "the worker's user":
            patch.setattr(privileges, "user_for", lambda worker: None)
        elif os.geteuid() != 0:
            pytest.skip("only root can change its user")
        models = tmp_path_factory.mktemp("models")
        (models / "weights").write_text("numbers")
        made = Runner(threads=1, models_dir=models, memory_bytes=4 * 1024**3, disk_bytes=8 * 1024**2)
        yield made
        made.close()


def probe(runner, *texts, seconds=30.0):
    result = runner.run(Embed(texts), on_event=print, should_stop=lambda: False, seconds=seconds)
    return [int(vector[0]) for vector in result.vectors]


def tried(runner, text):
    return probe(runner, text)[0]


@pytest.fixture
def secret(tmp_path):
    """A file that everybody may read, so that only Landlock keeps a runner from reading it."""
    tmp_path.chmod(0o755)
    path = tmp_path / "gradus.sqlite3"
    path.write_text("the database")
    path.chmod(0o644)
    return path


@needs_landlock
def test_database_bundles_and_secrets_cannot_be_read_and_no_program_can_be_started(prober, secret):
    for path in (secret, HIDDEN, Path("/etc/passwd"), PROJECT / "manage.py"):
        assert path.exists()
        assert tried(prober, f"read {path}") in REFUSED, path
    assert tried(prober, f"names {secret.parent}") in REFUSED
    assert tried(prober, f"names {HIDDEN.parent}") in REFUSED
    assert tried(prober, "execute /bin/true") in REFUSED


def test_files_that_are_closed_to_others_cannot_be_read(prober, tmp_path):
    if prober_user(prober) == os.geteuid() and not landlock.version():
        pytest.skip("neither another user nor Landlock")
    closed = tmp_path / "secret-key"
    closed.touch(mode=0o600)
    assert tried(prober, f"read {closed}") in REFUSED


def prober_user(runner):
    probe(runner)
    return Path(f"/proc/{runner._process.pid}").stat().st_uid


def test_models_given_files_and_code_can_be_read(prober, tmp_path):
    given = launch.given_folder() / "adapter_config.json"
    given.write_text("{}")
    readable = (prober._models_dir / "weights", given, PROJECT / "workers" / "sandbox" / "runner.py", Path(os.__file__))
    assert [tried(prober, f"read {path}") for path in readable] == [0, 0, 0, 0]
    given.unlink()


def test_only_the_scratch_folder_can_be_written(prober, secret):
    assert tried(prober, "write here") == 0
    assert (prober._scratch / "here").exists()
    if landlock.version():
        for path in (secret, secret.with_name("new"), prober._models_dir / "weights", launch.given_folder() / "new"):
            assert tried(prober, f"write {path}") in REFUSED, path
        assert tried(prober, f"link {secret}") in REFUSED


def test_loopback_cannot_be_reached(prober):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert tried(prober, f"connect {port}") in (*REFUSED, errno.ENETUNREACH, errno.ECONNREFUSED)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@needs_seccomp
@pytest.mark.parametrize(("kind", "verb"), [(socket.SOCK_STREAM, "connect_unix"), (socket.SOCK_DGRAM, "send_unix")])
def test_a_unix_socket_cannot_be_reached_by_its_path(prober, kind, verb):
    """Such as PostgreSQL's. Everybody may enter the folder and use the socket."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, kind) as server:
        Path(folder).chmod(0o755)
        path = Path(folder) / "s"
        server.bind(str(path))
        path.chmod(0o777)
        if kind == socket.SOCK_STREAM:
            server.listen()
        assert tried(prober, f"{verb} {path}") == errno.EACCES
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.recv(1) if kind == socket.SOCK_DGRAM else server.accept()


@needs_seccomp
def test_nothing_leads_past_the_filter_and_what_libraries_need_is_left(prober):
    assert tried(prober, "io_uring") in REFUSED
    assert tried(prober, "pair") == 0


def test_the_worker_cannot_be_looked_into_or_traced(prober):
    for file in ("environ", "mem", "maps"):
        assert Path(f"/proc/{os.getpid()}/{file}").exists()
        assert tried(prober, f"read /proc/{os.getpid()}/{file}") in REFUSED, file
    assert tried(prober, f"trace {os.getpid()}") in REFUSED


def test_the_worker_cannot_be_signalled(prober):
    if landlock.version() < 6 and prober_user(prober) == os.geteuid():
        pytest.skip("Landlock keeps signals in from version 6 on")
    assert tried(prober, f"signal {os.getpid()}") in REFUSED


def test_nothing_leads_back_to_root(prober):
    if prober_user(prober) == 0:
        pytest.skip("it is root without any capability")
    assert tried(prober, "become 0") in REFUSED


def test_a_fork_bomb_is_bounded(prober):
    if prober_user(prober) == 0:
        pytest.skip("the kernel counts no processes of root")
    assert 0 < tried(prober, "forks 3000") < 1024


def test_memory_is_bounded(prober):
    assert probe(prober, "swallow 100", "swallow 5000") == [0, errno.ENOMEM]


def test_a_full_folder_ends_the_job_and_is_emptied_with_the_runner(prober):
    with pytest.raises(RunnerFailed, match="too large"):
        probe(prober, "fill 20")
    assert tried(prober, "swallow 1") == 0


@needs_root
def test_the_runner_has_no_name_no_groups_and_no_way_back(prober):
    if prober_user(prober) == 0:
        pytest.skip("it keeps the worker's user")
    lines = Path(f"/proc/{prober._process.pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    user = str(privileges.user_for(os.getpid()))
    assert status["Uid"] == status["Gid"] == [user] * 4
    assert status["Groups"] == []
    assert status["NoNewPrivs"] == ["1"]
    # At most the capability to read past file permissions, and only if Landlock restricts the runner.
    kept = int(status["CapPrm"][0], 16)
    assert kept in (0, 1 << privileges.CAP_DAC_READ_SEARCH)
    assert not kept or landlock.version()


def adapter(folder):
    folder.mkdir()
    for name in adapter_files.NAMES:
        (folder / name).write_text("x")
    return folder


def test_an_adapter_is_read_from_its_own_folder(tmp_path):
    folder, link = adapter(tmp_path / "a"), tmp_path / "b"
    assert adapter_files.read(folder) == dict.fromkeys(adapter_files.NAMES, b"x")
    link.symlink_to(folder)
    with pytest.raises(ValueError, match="folder"):
        adapter_files.read(link)


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to, lambda path, _: os.mkfifo(path), lambda *_: None])
def test_an_adapter_whose_file_is_a_link_a_pipe_or_missing_is_not_read(tmp_path, make):
    folder, other = adapter(tmp_path / "a"), tmp_path / "secret"
    other.write_text("the worker's")
    path = folder / adapter_files.NAMES[1]
    path.unlink()
    make(path, other)
    with pytest.raises(ValueError, match="adapter_model"):
        adapter_files.read(folder)


def test_it_says_of_itself_what_held(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "workers.sandbox.confinement", str(tmp_path)],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    held = json.loads(done.stdout)
    assert set(held) == {"network", "unprivileged", "permissions", "landlock", "sockets", "gpu"}
    assert held["landlock"] == landlock.version()
    assert held["sockets"] is (platform.machine() in seccomp.REFUSED)


def test_what_is_open_to_all_is_told_by_every_folder_on_the_way(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            assert not privileges.open_to_all([tmp_path])
            break
    else:
        assert privileges.open_to_all([tmp_path])
        tmp_path.chmod(0o700)
        assert not privileges.open_to_all([tmp_path])
    assert privileges.open_to_all([Path("/usr"), Path("/no/such/place")])
