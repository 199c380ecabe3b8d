"""`python -m gradus.operations.web_server`: granian with all its options, and with our way to reload and to end.

All that Gradus uses of granian without granian documenting it is here: a reload that waits until the new process
listens, and processes that end with the one that started them.

Tried with granian 2.8.7. `tests/structure/test_private_interfaces.py` fails when another release series is installed.

On SIGHUP granian itself starts each process anew and ends the old one after a fixed time, even when the new one failed
to start. Here the old process ends as soon as the new one listens; if the new one does not start, the old one goes on
serving the old code.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import cli
from granian.log import logger
from granian.server.mp import MPServer, WorkerProcess

from gradus.operations.ports import is_listening
from gradus.operations.processes import DieWith

READY_SECONDS = 120.0
LOOK_SECONDS = 0.1


class ReloadingServer(MPServer):
    def _spawn_worker(self, idx: Any, target: Any, callback_loader: Any, socket_loader: Any = None) -> WorkerProcess:
        """`socket_loader` is a parameter of granian's other servers."""
        return super()._spawn_worker(idx, partial(die_with, os.getpid(), target), callback_loader)

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replaces the processes one after another. `delay` is granian's fixed wait, which is not used here."""
        for index in workers:
            self.respawned_wrks[index] = time.monotonic()
            old = self.wrks[index]
            new = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            # Otherwise granian would treat a failed start as a crash, and start the process again and again.
            new.interrupt_by_parent = replaces = old.is_alive()
            new.start()
            if replaces and not self._wait_until_listening(new):
                logger.error("The new process did not start; its lines above say why. The old code serves on.")
                self._end(new)
                return
            new.interrupt_by_parent = False
            self.wrks[index] = new
            self._end(old)

    def _wait_until_listening(self, worker: WorkerProcess) -> bool:
        """Returns True once the process listens, which it does after loading the whole site; False if it never does."""
        end = time.monotonic() + READY_SECONDS
        while worker.is_alive() and time.monotonic() < end and not self.interrupt_signal:
            if is_listening(worker.inner.pid, self.bind_port):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _end(self, worker: WorkerProcess) -> None:
        """Gives the process time to finish its requests, then kills it. Streamed responses are cut off."""
        worker.terminate()
        worker.join(self.workers_kill_timeout)
        if worker.is_alive():
            worker.kill()
            worker.join()


def die_with(parent: int, target: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Runs `target` in a process that ends with its parent: without one it would keep the port and serve for ever."""
    DieWith(parent)()
    target(*args, **kwargs)


def run_command_line() -> None:
    """Runs granian's command line with `ReloadingServer` in place of granian's own server."""
    cli.Server = ReloadingServer  # type: ignore[attr-defined]
    cli.entrypoint()


if __name__ == "__main__":
    run_command_line()
