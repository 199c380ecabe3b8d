"""What a runner gives up before it loads anything: its user, the network, files of others, life after its parent."""

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

from workers.engine.places import PROJECT
from workers.sandbox import landlock, privileges

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
FILE_BYTES = 2 * 1024**3
# Threads count. Torch and the tokenizer start a few for each core.
PROCESSES = 1024
REFUSED = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
    | {"pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen"}
)
# What the interpreter, its libraries and the count of cores need of a Linux system.
SYSTEM: tuple[str, ...] = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")
SYSTEM += ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/sys/fs/cgroup")
GPU = ("/proc/driver/nvidia", "/proc/modules", "/sys/bus/pci/devices", "/sys/module/nvidia")


@dataclass(frozen=True)
class Held:
    """What this kernel and these folders made possible. `permissions`: files closed to others are closed to it."""

    network: bool
    unprivileged: bool
    permissions: bool
    landlock: int


def confine(
    parent: int,
    memory_bytes: int,
    *,
    user: int | None = None,
    readable: Sequence[Path] = (),
    scratch: Path | None = None,
    gpu: bool = False,
) -> Held:
    """Call it before torch is imported: namespaces and Landlock bind the one thread that there is.

    Code and libraries stay readable, and `readable` (models); `scratch` can be written. `user` where root starts it.
    With `gpu` NVIDIA's devices stay usable.
    """
    network, own_namespace = _leave_network()
    needed = [*code(), *readable]
    switched, bound = _change_user(user, needed)
    privileged = os.geteuid() == 0
    privileges.gain_nothing_by_exec()
    devices = [Path(os.devnull), *(Path("/dev").glob("nvidia*") if gpu else ())]
    system = map(Path, (*SYSTEM, *(GPU if gpu else ())))
    shut_in = landlock.restrict([*needed, *system], [scratch] if scratch else [], devices)
    if not shut_in and sys.platform == "linux":
        # What may read past permissions must be bound by Landlock; unbound it had better not start.
        privileges.keep_capabilities(0)
    # A change of user or capabilities clears it, so it comes after them.
    _die_with(parent)
    _limit(memory_bytes, processes=switched or (own_namespace and not privileged), gpu=gpu)
    sys.addaudithook(_refuse)
    return Held(network, switched or not privileged, bound, landlock.version() if shut_in else 0)


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
        PROJECT / "challenges" / "kinds",
        *(PROJECT / "challenges").glob("*.py"),
    ]
    return list(dict.fromkeys([*interpreter, *packages, *libraries, *ours]))


def _leave_network() -> tuple[bool, bool]:
    """An empty network namespace where the kernel allows it; whether in a user namespace of its own as well.

    The audit hook refuses sockets in any case.
    """
    if _libc("unshare", CLONE_NEWNET):
        return True, False
    made = _libc("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    return made, made


def _change_user(user: int | None, needed: Iterable[Path]) -> tuple[bool, bool]:
    """Whether the user was changed, and whether file permissions bind the runner now.

    Where code or models lie in a folder that is closed to others, as a home folder is, one capability to read stays
    and Landlock alone binds; where there is no Landlock either, root stays root.
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
    """The kernel kills the runner when its worker dies; a worker that is dead already is seen by its id."""
    _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(memory_bytes: int, *, processes: bool, gpu: bool) -> None:
    """The kernel's own limits, which cannot be raised again. Processes are counted by user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    # CUDA reserves far more addresses than a machine has memory. Data are what can be written and is not shared.
    kind = resource.RLIMIT_DATA if gpu else resource.RLIMIT_AS
    resource.setrlimit(kind, (memory_bytes, memory_bytes))
    if processes:
        resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook cannot be taken off again (PEP 578)."""
    if event in REFUSED:
        raise PermissionError(f"a runner may not use {event}")


def main() -> None:
    """`python -m workers.sandbox.confinement MODELS`: confines itself and says what held, for `manage.py doctor`."""
    models = [Path(argument).resolve() for argument in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="gradus-confinement-", ignore_cleanup_errors=True) as scratch:
        child = os.fork()
        if child == 0:
            user = privileges.user_for(os.getpid())
            held = confine(os.getppid(), 1024**3, user=user, readable=models, scratch=Path(scratch))
            print(json.dumps(asdict(held)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
