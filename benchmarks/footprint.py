"""How much memory the whole site takes: `python -m benchmarks.footprint --json FILE`.

Starts a site in a temporary folder, as `make smoke` does, lets a learner and a member of staff use it as there, and
adds up once a second the proportional set sizes of all its processes. Then it leaves the site alone for `--idle`
minutes and measures again. Status 1 where a goal is missed or a step of the smoke run fails. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import django

from benchmarks import process_tree
from benchmarks.process_tree import Process

GIB = 1024**3
PEAK_GOAL, IDLE_GOAL = 3.5 * GIB, 2.5 * GIB
START_SECONDS = 900.0
EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """The bytes of each kind of process at one time, in seconds since the first sample, and the number of processes."""

    seconds: float
    kinds: dict[str, int]
    processes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, seconds: float, processes: Iterable[Process]) -> Sample:
        kinds: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for process in processes:
            kinds[process.kind] += process.pss
            numbers[process.kind] += 1
        return cls(round(seconds, 1), dict(kinds), dict(numbers))

    @property
    def total(self) -> int:
        return sum(self.kinds.values())


class Sampler:
    """Takes a sample of everything that this process has started about once a second while the context lasts."""

    def __init__(self, every: float = EVERY_SECONDS) -> None:
        self.samples: list[Sample] = []
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._start = time.monotonic()

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def take(self) -> Sample:
        sample = Sample.of(time.monotonic() - self._start, process_tree.below(os.getpid()))
        self.samples.append(sample)
        return sample

    def _run(self) -> None:
        while not self._end.wait(self._every):
            self.take()


def peak(samples: Sequence[Sample]) -> Sample:
    return max(samples, key=lambda sample: sample.total)


def table(name: str, sample: Sample, goal: float) -> str:
    """The sample as lines of text, the largest kind of process first."""
    lines = [f"{name}: {sample.total / GIB:.2f} GiB after {sample.seconds:.0f} s; the goal is {goal / GIB:g} GiB"]
    for kind, size in sorted(sample.kinds.items(), key=lambda item: -item[1]):
        lines.append(f"  {kind:<20} {size / 1024**2:7.0f} MiB  {sample.processes.get(kind, 0)} processes")
    return "\n".join(lines)


def measure(idle_minutes: float) -> tuple[dict[str, Sample], list[Sample], int]:
    """Returns the samples by name (`started`, `peak`, `idle`), all of them, and how many steps of the run failed."""
    from challenges.reading import read_course
    from tests import example_course
    from tests.smoke.report import Report
    from tests.smoke.site import Site
    from tests.smoke.story import LIBRARY, METHODS, Story

    report = Report(lambda line: print(line, flush=True))
    with tempfile.TemporaryDirectory(prefix="gradus-footprint-") as folder:
        site = Site(Path(folder))
        try:
            site.take_models()
            with Sampler() as sampler:
                address = site.start(START_SECONDS)
                found = {"started": sampler.take()}
                small = example_course.write_course(Path(folder) / "examples")
                for one in (small, METHODS):
                    site.publish(one)
                course, given, methods = (read_course(one) for one in (LIBRARY, small, METHODS))
                story = Story(address, course, given, methods, site.administrator)
                for name, action in story.steps():
                    report.step(name, action)
                story.close()
            found["peak"] = peak(sampler.samples)
            with Sampler() as after:
                time.sleep(60 * idle_minutes)
                found["idle"] = after.take()
        finally:
            site.stop()
    return found, [*sampler.samples, *after.samples], report.failed


def as_json(found: dict[str, Sample], samples: Sequence[Sample], idle_minutes: float) -> dict[str, Any]:
    """The named samples in full, and the total over time in MiB."""
    from benchmarks.figures.machines import with_cores

    return {
        "machine": with_cores(),
        "idle_minutes": idle_minutes,
        **{name: {"total": sample.total, **asdict(sample)} for name, sample in found.items()},
        "over_time": [[sample.seconds, round(sample.total / 1024**2)] for sample in samples],
    }


def main(words: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=float, default=10.0, metavar="MINUTES", help="time alone; default: 10")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args(words)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
    django.setup()
    found, samples, failed = measure(given.idle)
    print(table("when the site had started", found["started"], IDLE_GOAL))
    print(table("peak", found["peak"], PEAK_GOAL))
    print(table(f"{given.idle:g} minutes later", found["idle"], IDLE_GOAL))
    if given.json:
        given.json.write_text(json.dumps(as_json(found, samples, given.idle), indent=2) + "\n")
    missed = found["peak"].total > PEAK_GOAL or found["idle"].total > IDLE_GOAL
    return int(missed or failed > 0)


if __name__ == "__main__":
    sys.exit(main())
