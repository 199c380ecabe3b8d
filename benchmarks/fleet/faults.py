"""The faults that the rehearsal causes. Each begins while jobs run and is ended after a time, except the last one."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.fleet.hosts import Host
from benchmarks.fleet.site import WEBS, Fleet

Fault = Callable[[Fleet, float], None]
"""Is given how many seconds it lasts."""


def last(seconds: float) -> None:
    threading.Event().wait(seconds)


def nothing(fleet: Fleet, seconds: float) -> None:
    """For comparison."""


def cut(name: str) -> Fault:
    def fault(fleet: Fleet, seconds: float) -> None:
        fleet.hosts[name].cut()
        last(seconds)
        fleet.hosts[name].mend()

    return fault


def lost(sender: str, receiver: str) -> Fault:
    """All packets in one direction of a connection are lost."""

    def fault(fleet: Fleet, seconds: float) -> None:
        here, there = (fleet.hosts[name] for name in (sender, receiver))
        here.lose(there)
        last(seconds)
        here.find(there)

    return fault


def slow_and_breaking(fleet: Fleet, seconds: float) -> None:
    fleet.proxy.delay, fleet.proxy.breaks = 0.2, 0.02
    last(seconds)
    fleet.proxy.delay, fleet.proxy.breaks = 0.0, 0.0


def wrong_clocks(fleet: Fleet, seconds: float) -> None:
    """The workers are started anew with clocks two minutes apart, and grade so until the end of the fault."""
    for name, clock in {"w1": "+60s", "w2": "-60s"}.items():
        fleet.hosts[name].stop("worker")
        fleet.start_worker(name, clock=clock)
    last(seconds)
    for name in ("w1", "w2"):
        fleet.hosts[name].stop("worker")
        fleet.start_worker(name)


def restarted_database(fleet: Fleet, seconds: float) -> None:
    fleet.database.restart_at_once()


def rolling_update(fleet: Fleet, seconds: float) -> None:
    """Each web server is reloaded, and each worker and reconciler is ended and started, one after the other."""
    for name in WEBS:
        fleet.reload(name)
        fleet.hosts[name].stop("reconciler")
        fleet.start_reconciler(name)
        last(seconds / 4)
    for name in [name for name, host in fleet.hosts.items() if "worker" in host.running]:
        fleet.hosts[name].stop("worker")
        fleet.start_worker(name)


def full_disk(fleet: Fleet, seconds: float) -> None:
    """The store of files can write nothing. A store that ends over it is started again, as systemd does."""
    filler = fleet.disk / "filler"
    fill(filler)
    last(seconds)
    filler.unlink()
    if fleet.hosts["store"].running["store"].poll() is not None:
        fleet.hosts["store"].kill("store")
        fleet.start_store()


def fill(path: Path) -> None:
    left = shutil.disk_usage(path.parent).free
    with path.open("wb", buffering=0) as file:
        try:
            while left > 0:
                left -= file.write(bytes(min(2**20, left)))
        except OSError:
            return


def dead_host(name: str) -> Fault:
    """The host does not come back."""

    def fault(fleet: Fleet, seconds: float) -> None:
        host: Host = fleet.hosts[name]
        host.cut()
        host.kill("worker")

    return fault


FAULTS: dict[str, Fault] = {
    "none, for comparison": nothing,
    "the cable of worker w1 is cut": cut("w1"),
    "what w1 sends to the site is lost": lost("w1", "front"),
    "what the site sends to w1 is lost": lost("front", "w1"),
    "the cable of web server web1 is cut": cut("web1"),
    "the cable of the store of files is cut": cut("store"),
    "between w2 and the site each piece takes up to 0.2 s, and 2 % break the connection": slow_and_breaking,
    "the clocks of w1 and w2 are a minute fast and a minute slow": wrong_clocks,
    "Redis is away": cut("redis"),
    "PostgreSQL is restarted as after a crash": restarted_database,
    "a rolling update": rolling_update,
    "the disk of the store of files is full": full_disk,
    "worker w1 is killed for good": dead_host("w1"),
}
# How long a fault lasts in any case: for these, that is what is asked.
LONGER = {"Redis is away": 60.0}
