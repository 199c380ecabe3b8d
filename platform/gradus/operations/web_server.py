"""`python -m gradus.operations.web_server`: granian with all its options, and a reload that knows when it is done.

On SIGHUP granian starts each process anew and ends the old one so many seconds later, whatever became of the new one.
Here the old one ends as soon as the new one listens; where that does not come, the old code serves on.
"""

from __future__ import annotations

import time
from typing import Any

import psutil
from granian import cli
from granian.log import logger
from granian.server.mp import MPServer, WorkerProcess

READY_SECONDS = 120.0
LOOK_SECONDS = 0.1


class WebServer(MPServer):
    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Each process in its turn. `delay` is granian's own wait."""
        for index in workers:
            self.respawned_wrks[index] = time.monotonic()
            old = self.wrks[index]
            new = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            # Else granian would take an end on probation for a crash, and start it again and again.
            new.interrupt_by_parent = replaces = old.is_alive()
            new.start()
            if replaces and not self._listens(new):
                logger.error("The new process did not start; its lines above say why. The old code serves on.")
                self._end(new)
                return
            new.interrupt_by_parent = False
            self.wrks[index] = new
            self._end(old)

    def _listens(self, worker: WorkerProcess) -> bool:
        """Waits until it does, which is after it has loaded all of the site."""
        end = time.monotonic() + READY_SECONDS
        while worker.is_alive() and time.monotonic() < end and not self.interrupt_signal:
            if listens(worker.inner.pid, self.bind_port):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _end(self, worker: WorkerProcess) -> None:
        """With time to finish its requests; streams break."""
        worker.terminate()
        worker.join(self.workers_kill_timeout)
        if worker.is_alive():
            worker.kill()
            worker.join()


def listens(pid: int, port: int) -> bool:
    """Whether a process of ours has a socket of its own that takes connections at this port."""
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)


def main() -> None:
    cli.Server = WebServer  # type: ignore[attr-defined]
    cli.entrypoint()


if __name__ == "__main__":
    main()
