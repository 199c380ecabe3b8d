"""Confines a runner before it loads a model: no network, no other files, no privileges, no life after its worker."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import site
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workers.engine import hardware
from workers.engine.model_files import PROJECT
from workers.sandbox import landlock, privileges, seccomp

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
FILE_BYTES = 2 * 1024**3
# Threads count as processes. Torch and the tokenizer start a few for each core.
PROCESSES = 1024
# What the child of `main` may use: little, or what torch and a driver need.
PROBE_BYTES = {False: 1024**3, True: 8 * 1024**3}
REFUSED = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
    | {"pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen"}
)
# The files of a Linux system that the interpreter and its libraries read, also to count the cores.
SYSTEM: tuple[str, ...] = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")
SYSTEM += ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/sys/fs/cgroup")
GPU = ("/proc/driver/nvidia", "/proc/modules", "/sys/bus/pci/devices", "/sys/module/nvidia")
# NVIDIA's drivers from 570 on name their threads in `task/<thread>/comm` while CUDA starts, and refuse to start (error
# 304) where they may not. Source: issues 710 and 1486 of NVIDIA/OpenShell.
THREADS = Path("/proc/self/task")


@dataclass(frozen=True)
class Confinement:
    """Which restrictions hold on this kernel and with these folders.

    `network`: the runner has no network. `unprivileged`: it does not run as root. `permissions`: it cannot read files
    that are closed to other users. `landlock`: the version of Landlock that restricts it, 0 without. `sockets`: it
    cannot reach a socket of another process.
    """

    network: bool
    unprivileged: bool
    permissions: bool
    landlock: int
    sockets: bool


def confine(
    parent: int,
    memory_bytes: int,
    *,
    user: int | None = None,
    readable: Sequence[Path] = (),
    scratch: Path | None = None,
    gpu: bool = False,
) -> Confinement:
    """Restricts this process for good, and returns which restrictions hold.

    Call it before torch is imported: namespaces, Landlock and seccomp restrict only the calling thread and its later
    threads.
    Code, libraries and `readable` (the models) stay readable, and `scratch` stays writable. `user` is the user id to
    change to if root has started the process. With `gpu`, NVIDIA's devices stay usable, and the process may name its
    threads.
    """
    network, own_namespace = _leave_network()
    needed = [*code(), *readable]
    switched, bound = _change_user(user, needed)
    privileged = os.geteuid() == 0
    privileges.gain_nothing_by_exec()
    devices = [Path(os.devnull), *(Path("/dev").glob("nvidia*") if gpu else ())]
    system = map(Path, (*SYSTEM, *(GPU if gpu else ())))
    shut_in = landlock.restrict(
        [*needed, *system], [scratch] if scratch else [], devices, changeable=[THREADS] if gpu else []
    )
    if not shut_in and sys.platform == "linux":
        # Without Landlock nothing would limit the capability to read past file permissions, so it is dropped.
        privileges.keep_capabilities(0)
    sockets = seccomp.restrict()
    # A change of the user or of capabilities clears the parent-death signal, so it is set afterwards.
    _die_with(parent)
    _limit(memory_bytes, processes=switched or (own_namespace and not privileged), gpu=gpu)
    sys.addaudithook(_refuse)
    return Confinement(network, switched or not privileged, bound, landlock.version() if shut_in else 0, sockets)


def code() -> list[Path]:
    """Interpreter, packages and our own code. Of `challenges` the code alone: a course with hidden rows lies there.

    pip puts a package's shared libraries into `lib`, beside the folder of the Python version. For packages outside the
    interpreter's own prefix (`pip install --user`, a shared environment) that folder has to be named as well: without
    oneDNN's library a runner would compute other sums than its worker.
    """
    packages = [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    libraries = [path.parents[1] for path in packages if path.match("lib*/python*/*")]
    interpreter = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())]
    ours = [
        PROJECT / "workers",
        PROJECT / "graders",
        *(PROJECT / "challenges").glob("*.py"),
        *(package.parent for package in (PROJECT / "challenges").glob("*/__init__.py")),
    ]
    return list(dict.fromkeys([*interpreter, *packages, *libraries, *ours]))


def _leave_network() -> tuple[bool, bool]:
    """Enters an empty network namespace if the kernel allows it.

    Returns whether it did, and whether that took a user namespace of its own. The audit hook refuses sockets anyway.
    """
    if _libc("unshare", CLONE_NEWNET):
        return True, False
    made = _libc("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    return made, made


def _change_user(user: int | None, needed: Iterable[Path]) -> tuple[bool, bool]:
    """Changes to `user`; returns whether it did, and whether file permissions restrict the runner now.

    If code or models lie in a folder that is closed to other users, such as a home folder, the runner keeps the
    capability to read them, and only Landlock restricts reading. Without Landlock root then stays root.
    """
    if sys.platform != "linux":
        return False, False
    reachable = privileges.open_to_all(needed)
    if user is None or not (reachable or landlock.version()):
        privileges.keep_capabilities(0)
        return False, False
    try:
        privileges.become(user, may_read_all=not reachable)
    except OSError:
        privileges.keep_capabilities(0)
        return False, False
    return True, reachable


def _libc(function: str, *arguments: int) -> bool:
    return sys.platform == "linux" and bool(getattr(ctypes.CDLL(None), function)(*arguments) == 0)


def _die_with(parent: int) -> None:
    """Makes the kernel kill the runner when its worker dies; ends at once if the worker is dead already."""
    _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(memory_bytes: int, *, processes: bool, gpu: bool) -> None:
    """Sets resource limits that cannot be raised again. The kernel counts the processes of a user, not of a runner."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    # CUDA reserves far more addresses than the machine has memory, so with a GPU only private writable memory counts.
    kind = resource.RLIMIT_DATA if gpu else resource.RLIMIT_AS
    resource.setrlimit(kind, (memory_bytes, memory_bytes))
    if processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook (PEP 578) that refuses the events in `REFUSED`; it cannot be removed again."""
    if event in REFUSED:
        raise PermissionError(f"a runner may not use {event}")


def start_gpu() -> str:
    """Starts CUDA and computes with it; returns what went wrong, in one line, or "" where all went well."""
    from workers.sandbox import gpu

    try:
        import torch

        torch.ones(1, device="cuda").sum().item()
    except Exception as error:  # torch has no class of its own for each of the driver's errors
        line = (str(error).strip().splitlines() or [""])[0]
        return gpu.fault(error) or f"{type(error).__name__}: {line}"
    return ""


def main() -> None:
    """Confines a child process and prints as JSON which restrictions hold; `manage.py doctor` runs it.

    On a machine with a GPU the child also starts CUDA, and `gpu` says what the driver answered; it is empty where that
    works, and null without a GPU.
    """
    from workers.sandbox import launch

    models = [Path(argument).resolve() for argument in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="gradus-confinement-", ignore_cleanup_errors=True) as scratch:
        child = os.fork()
        if child == 0:
            user = privileges.user_for(os.getpid())
            gpu = hardware.device() != "cpu"
            if (visible := launch.visible_gpus()) is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = visible
            held = confine(os.getppid(), PROBE_BYTES[gpu], user=user, readable=models, scratch=Path(scratch), gpu=gpu)
            print(json.dumps(asdict(held) | {"gpu": start_gpu() if gpu else None}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
