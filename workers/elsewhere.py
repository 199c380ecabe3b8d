"""The command `gradus worker`: the workers of a machine that reaches the site over HTTPS alone."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

import structlog
import typer

from challenges import distribution
from challenges.kinds.base import Lane
from challenges.models.catalogue import MODELS, wanted
from workers import status
from workers.engine import fetch, model_files
from workers.sandbox import capabilities
from workers.sandbox.choosing import FileChoices
from workers.transport.http import PROTOCOL, OverHttp, SiteAway, SiteRefuses, expect_address, token_from
from workers.worker import Worker, runner_of

log = structlog.get_logger(__name__)
LANES = (Lane.INTERACTIVE, Lane.GRADE, Lane.TRAIN)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
LOOK_SECONDS = 0.2
# A clock that is off by more is worth a line: certificates and logs go by it. Leases go by the site's clock.
CLOCK_SECONDS = 60.0
NUMBERS = 1000


def worker(
    site: Annotated[str, typer.Option(help="The site's address, such as https://learn.example.org.")],
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token. Without one, GRADUS_WORKER_TOKEN holds it.")
    ] = None,
    lane: Annotated[list[Lane] | None, typer.Option(help="A lane to work on; several are allowed.")] = None,
    device: Annotated[str, typer.Option(help="What to compute on: cpu, cuda, or cuda:1.")] = "",
    once: Annotated[bool, typer.Option("--once", help="End when no job waits.")] = False,
    until_idle: Annotated[float, typer.Option(min=0, help="End after so many minutes without a job.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Say whether this machine is fit, and end.")] = False,
) -> None:
    """Join this machine to a site: compute its jobs, and send the results over HTTPS.

    Exit status: 0; 1 if the site refuses this machine, or the machine is not fit.
    """
    if device:
        os.environ["GRADUS_DEVICE"] = device
    try:
        url, token = expect_address(site), token_from(token_file)
        os.environ.pop("GRADUS_WORKER_TOKEN", None)
        if check:
            raise typer.Exit(0 if _check(url, token) else 1)
        _log()
        crew = Crew(url, token, lane)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: crew.end())
        problem = crew.work(once=once, idle_seconds=60 * until_idle)
    except SiteRefuses as error:
        problem = str(error)
    except SiteAway as error:
        problem = f"{error} Is the address right, and does this machine reach it?"
    if problem:
        typer.echo(problem, err=True)
        raise typer.Exit(1)


class Crew:
    """The workers of this machine, one for each lane, each in a thread of its own."""

    def __init__(self, url: str, token: str, lanes: list[Lane] | None = None) -> None:
        self.url, self.token = url, token
        self.ending = Event()
        hello = OverHttp(url, token).hello()
        self.name = str(hello["name"])
        self.lanes = [one for one in LANES if one in (lanes or hello["lanes"])]
        if not self.lanes or set(lanes or ()) - set(hello["lanes"]):
            raise SiteRefuses(f"The token {hello['name']!r} is for the lanes {', '.join(hello['lanes'])} alone.")
        self.workers: list[Worker] = []
        self.problem = ""
        self.worked_at = time.monotonic()

    def end(self) -> None:
        """Ends all workers; what they compute goes back to the queue. Safe in a signal handler."""
        self.ending.set()
        for one in list(self.workers):
            one.end()

    def work(self, *, once: bool = False, idle_seconds: float = 0) -> str:
        """Works until the end. Returns why the site refuses this machine; "" if it does not."""
        _fetch()
        threads = [Thread(target=self._lane, args=(lane, once)) for lane in self.lanes]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(LOOK_SECONDS)
            if any(one.job is not None for one in list(self.workers)):
                self.worked_at = time.monotonic()
            elif idle_seconds and time.monotonic() - self.worked_at > idle_seconds:
                self.end()
        return self.problem

    def _lane(self, lane: Lane, once: bool) -> None:
        try:
            with _number(lane) as number:
                site = OverHttp(self.url, self.token, name=self.name, number=number, ending=self.ending, waits=not once)
                try:
                    self._serve(Worker(lane, site), once)
                finally:
                    site.leave(lane)
                    site.close()
        except SiteRefuses as error:
            self._refused(error)
        except Exception as error:  # the other lanes end too, so that whatever starts this machine's workers notices
            log.exception("lane_ended", lane=lane, reason=type(error).__name__)
            self.problem = self.problem or f"The lane {lane} has ended ({type(error).__name__}: {error})."
            self.end()

    def _refused(self, error: SiteRefuses) -> None:
        self.problem = self.problem or str(error)
        self.end()

    def _serve(self, own: Worker, once: bool) -> None:
        self.workers.append(own)
        pause = FIRST_PAUSE_SECONDS
        try:
            while not (self.ending.is_set() or own.ending.is_set()):
                try:
                    did = own.step()
                    pause = FIRST_PAUSE_SECONDS
                except SiteRefuses as error:
                    self._refused(error)
                    return
                except Exception as error:  # no error ends the worker: what it has claimed is tried again later
                    if own.site.is_away(error):
                        log.warning("site_away", lane=own.lane, reason=str(error))
                    else:
                        log.exception("step_failed", lane=own.lane, reason=type(error).__name__)
                    self.ending.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                    continue
                if did:
                    continue
                if once:
                    return
                own.warm()
                if own.stopped:
                    self.ending.wait(FIRST_PAUSE_SECONDS)
        finally:
            own.close()


@contextmanager
def _number(lane: str) -> Iterator[int]:
    """The lowest number that no other worker of the lane on this machine has, for as long as the context lasts."""
    folder = model_files.data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NUMBERS):
        with (folder / f"worker-{lane}-{number}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    raise OSError(f"{NUMBERS} workers of the lane {lane} run on this machine already")


def _fetch() -> None:
    """Fetches the base models that a site has by default, where this machine has none."""
    if not status.digests() and not status.damaged():
        typer.echo("This machine has no base model yet: fetching it.", err=True)
        fetch.main(wanted(lambda name: False))


def _log() -> None:
    """Lines on the standard error, for a journal or a terminal. They hold no token and no row."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
            if not sys.stderr.isatty()
            else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _check(url: str, token: str) -> bool:
    """Prints ten lines, one for each thing that a machine needs. Returns whether all is well."""
    asked = time.monotonic()
    site = OverHttp(url, token)
    try:
        hello = site.hello()
    finally:
        site.close()
    took = time.monotonic() - asked
    off = time.time() - took / 2 - hello["time"]
    lines = [
        ("address", "", f"{url} answers within {1000 * took:.0f} ms"),
        (
            "clock",
            "" if abs(off) < CLOCK_SECONDS else "Set this machine's clock by a time server.",
            f"{off:+.1f} s off",
        ),
        ("token", *_token(hello)),
        ("version", *_version(hello)),
        *_machine(hello["weights"]),
    ]
    for name, problem, text in lines:
        typer.echo(f"{'!!' if problem else 'ok'}  {name:<10} {text}{f'. {problem}' if problem else ''}")
    return not any(problem for _, problem, _ in lines)


def _token(hello: dict[str, Any]) -> tuple[str, str]:
    end = datetime.fromtimestamp(hello["ends_at"], UTC).strftime("%Y-%m-%d")
    drains = "The site gives it no jobs now: an operator has stopped it on the page Workers."
    return drains if hello["is_draining"] else "", f"{hello['name']}: {', '.join(hello['lanes'])}, until {end}"


def _version(hello: dict[str, Any]) -> tuple[str, str]:
    ours, theirs = distribution.release(), hello["release"]
    problem = "" if PROTOCOL in hello["protocols"] else f"Install {theirs} here."
    return problem, f"Gradus {ours}; the site has {theirs}"


def _machine(weights: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    data = model_files.data_dir()
    data.mkdir(parents=True, exist_ok=True)
    runner = runner_of(Lane.TRAIN, FileChoices(data / "engine-choices.json"))
    yield "device", "", f"{runner.device}, {runner.threads} threads, training in {runner.dtype}"
    memory = capabilities.memory(free=True) / 1e9
    yield "memory", "" if memory >= 2 else "A job needs 2 GB.", f"{memory:.1f} GB free"
    room = min(shutil.disk_usage(place).free for place in (data, Path(tempfile.gettempdir()))) / 1e9
    yield "disk", "" if room >= 5 else "Trained models need 5 GB.", f"{room:.1f} GB free"
    yield "weights", *_weights(weights)
    lacks = status.lacks(Lane.TRAIN, runner)
    methods = "; ".join(f"{need}: {reason}" for need, reason in lacks.items())
    yield "methods", "", methods or "all training methods"
    yield "isolation", *_isolation()


def _weights(theirs: dict[str, str]) -> tuple[str, str]:
    own = status.digests()
    if not own:
        return "", f"none yet; a worker fetches {', '.join(wanted(lambda name: False)) or 'them'} first"
    other = [name for name, digest in own.items() if theirs.get(name, digest) != digest]
    problem = f"The site grades with other weights of {', '.join(other)}: fetch them again." if other else ""
    missing = [name for name in theirs if name not in own and name in MODELS]
    text = ", ".join(f"{name} {digest[:12]}" for name, digest in own.items())
    return problem, "; without ".join([text, *([", ".join(missing)] if missing else [])])


def _isolation() -> tuple[str, str]:
    """What keeps a runner from the rest of this machine, as a test process finds it."""
    held: dict[str, Any] = {}
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        argv = [sys.executable, "-m", "workers.sandbox.confinement", str(model_files.models_dir())]
        done = subprocess.run(argv, cwd=model_files.PROJECT, capture_output=True, text=True, timeout=180, check=False)
        held = json.loads(done.stdout)
    names = {"network": "network", "landlock": "files", "sockets": "sockets", "unprivileged": "root's rights"}
    open_ = [text for name, text in names.items() if not held.get(name)]
    fault = str(held.get("gpu") or "")
    kept = [text for text in names.values() if text not in open_]
    return (
        fault,
        f"a runner is kept from {', '.join(kept) or 'nothing'}; not from: {', '.join(open_) or 'none of these'}",
    )
