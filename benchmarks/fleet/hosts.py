"""Hosts as network namespaces of this machine, joined by a bridge. A cable is a pair of virtual interfaces."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

BRIDGE = "gradus-fleet"
NETWORK = "10.77.0"
# The address of the machine itself, from which learners come.
OUTSIDE = f"{NETWORK}.1"
END_SECONDS = 20
# Where `ip netns` looks for files of a namespace.
PLACES = Path("/etc/netns")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """A network namespace with its own address. The programs that it starts end when it ends."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name, self.space, self.cable = name, f"gradus-{name}", f"gf-{name}"
        self.address = f"{NETWORK}.{number}"
        self.folder = folder / name
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def connect(self) -> None:
        ip("netns", "add", self.space)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("link", "set", self.cable, "master", BRIDGE, "up")
        ip("-n", self.space, "address", "add", f"{self.address}/24", "dev", "eth0")
        for one in ("lo", "eth0"):
            ip("-n", self.space, "link", "set", one, "up")

    def remove(self) -> None:
        for name in list(self.running):
            self.kill(name)
        shutil.rmtree(PLACES / self.space, ignore_errors=True)
        for words in (("link", "delete", self.cable), ("netns", "delete", self.space)):
            with suppress(subprocess.CalledProcessError):
                ip(*words)

    def knows(self, name: str, address: str) -> None:
        """Lets programs that are started here find that address by the name: `ip netns` puts this file over the own."""
        (PLACES / self.space).mkdir(parents=True, exist_ok=True)
        (PLACES / self.space / "hosts").write_text(f"127.0.0.1 localhost\n{address} {name}\n")

    def cut(self) -> None:
        ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        ip("link", "set", self.cable, "up")

    def lose(self, other: Host) -> None:
        """Drops the packets that this host sends to the other one. Packets from the other one still arrive."""
        ip("-n", self.space, "route", "add", "blackhole", f"{other.address}/32")

    def find(self, other: Host) -> None:
        ip("-n", self.space, "route", "delete", "blackhole", f"{other.address}/32")

    def inside(self, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", self.space, *argv]

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.inside(*argv),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """Asks it to end, as systemd does, and kills what is left."""
        process = self.running[name]
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        self.kill(name)

    def kill(self, name: str) -> None:
        """Kills it with all that it has started, at once."""
        process = self.running.pop(name)
        for one in [*_family(process.pid), process.pid]:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()

    def tell(self, name: str, number: int) -> None:
        self.running[name].send_signal(number)

    def seconds(self) -> float:
        """The computing time of all that runs here, so far."""
        return sum(_seconds(pid) for process in self.running.values() for pid in [process.pid, *_family(process.pid)])


def _family(pid: int) -> list[int]:
    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []


def _seconds(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextmanager
def connected(names: Mapping[str, int], folder: Path) -> Iterator[dict[str, Host]]:
    """The hosts by name, joined by the bridge. Everything is gone afterwards.

    Raises `CalledProcessError` where there is a bridge of that name: another rehearsal runs.
    """
    ip("link", "add", BRIDGE, "type", "bridge")
    made = {name: Host(name, number, folder) for name, number in names.items()}
    try:
        ip("address", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host in made.values():
            host.connect()
        yield made
    finally:
        for host in made.values():
            host.remove()
        with suppress(subprocess.CalledProcessError):
            ip("link", "delete", BRIDGE)
