import os
import resource
import subprocess
import sys

import pytest

from tests.workers.sandbox.test_isolation import needs_landlock
from workers.sandbox import confinement, privileges

PREAMBLE = "import mmap, os, resource\nfrom workers.sandbox.confinement import confine\n"


def confined(code, gpu=False):
    """Runs `code` in a confined process and returns the last line of its standard error."""
    code = f"{PREAMBLE}confine(os.getppid(), 4 * 1024**3, gpu={gpu})\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import socket; socket.socket(socket.AF_UNIX).connect('/tmp/x')",
        "import pickle, collections; pickle.loads(pickle.dumps(collections.OrderedDict))",
        "import os; os.system('true')",
        "import os; os.execv('/bin/true', ['true'])",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_a_runner_may_not(code):
    status, error = confined(code)
    assert status == 1 and error.startswith("PermissionError: a runner may not use"), error


def test_files_and_memory_are_bounded():
    assert confined("bytearray(5 * 1024**3)") == (1, "MemoryError")
    assert confined("assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)") == (0, "")
    assert confined("assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 2 * 1024**3") == (0, "")


FREE = resource.RLIM_INFINITY
RESERVE = "mmap.mmap(-1, 64 * 1024**3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)"


@pytest.mark.parametrize(
    ("gpu", "addresses", "data", "reserving"),
    [
        (False, 4 * 1024**3, FREE, (1, "OSError: [Errno 12] Cannot allocate memory")),
        (True, FREE, 4 * 1024**3, (0, "")),
    ],
)
def test_with_a_gpu_what_is_only_reserved_does_not_count(gpu, addresses, data, reserving):
    """CUDA reserves more addresses at its start than the limit."""
    for limit, wanted in (("AS", addresses), ("DATA", data)):
        assert confined(f"assert resource.getrlimit(resource.RLIMIT_{limit}) == ({wanted},) * 2", gpu) == (0, "")
    assert confined(RESERVE, gpu) == reserving
    assert confined("bytearray(5 * 1024**3)", gpu) == (1, "MemoryError")


NAME = "open(f'/proc/{}/task/{}/comm', 'w').write('named')"
OWN_THREAD = f"""
import threading
def work(): {NAME.format("self", "{threading.get_native_id()}")}
failed = []
threading.excepthook = lambda args: failed.append(args.exc_value)
thread = threading.Thread(target=work); thread.start(); thread.join()
if failed: raise failed[0]
"""
OTHERS = NAME.format("{os.getppid()}", "{os.getppid()}")


@needs_landlock
def test_with_a_gpu_a_runner_names_its_own_threads_only():
    """NVIDIA's drivers do while CUDA starts. Nothing else below `/proc` can be written."""
    assert confined(OWN_THREAD, gpu=True) == (0, "")
    for code, gpu in ((OWN_THREAD, False), (OTHERS, True), (OTHERS, False)):
        status, error = confined(code, gpu)
        assert status == 1 and "Permission denied" in error, (code, gpu, error)
    status, error = confined("open('/proc/self/oom_score_adj', 'w').write('0')", gpu=True)
    assert status == 1 and "Permission denied" in error


def test_a_runner_whose_worker_is_gone_ends_at_once():
    code = f"from workers.sandbox.confinement import confine\nconfine({os.getpid()}, 2**32)\nraise SystemExit(7)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    gone = code.replace(str(os.getpid()), "1234567")
    assert subprocess.run([sys.executable, "-c", gone], check=False).returncode == 1


def test_the_runners_user_is_not_that_of_another_worker():
    if os.geteuid() != 0:
        assert privileges.user_for(1) is None
        return
    assert privileges.user_for(1) != privileges.user_for(2)
    assert privileges.FIRST_USER <= privileges.user_for(4_000_000) <= privileges.LAST_USER


def test_libraries_that_packages_bring_stay_readable(tmp_path, monkeypatch):
    """Those of packages outside the interpreter's prefix, too; and nothing above a folder of another shape."""
    packages, odd = tmp_path / "lib" / "python3.11" / "site-packages", tmp_path / "odd" / "site-packages"
    monkeypatch.setattr(sys, "path", [str(packages), str(odd)])
    assert {packages, tmp_path / "lib", odd} <= set(confinement.code())
    assert not {tmp_path, tmp_path / "odd", tmp_path.parent} & set(confinement.code())
