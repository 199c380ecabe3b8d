"""Many machines, rehearsed: `python -m benchmarks.fleet --json FILE`, as root on Linux.

Nine hosts as network namespaces of this machine, joined by a bridge: nginx in front of two web servers with a
reconciler each, PostgreSQL, Redis, an S3 server, and three machines that join with tokens, one with another engine
profile. Learners (Locust) read and submit for `--minutes`. Then jobs are counted with one, two and three workers, and
cables are cut, clocks are wrong, servers away, disks full and hosts killed, one after the other. The database is
asked after each whether every attempt has exactly one grade. Ctrl-C ends all of it. Status 1 if anything was lost,
doubled or wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import venvs
from benchmarks.figures.machines import with_cores
from benchmarks.fleet.faults import FAULTS, LONGER
from benchmarks.fleet.site import FAKETIME, LEASE, REAL, ROOT, WORKERS, Fleet, opened
from benchmarks.web import report as figures
from benchmarks.web import stack
from challenges.models.base_models import data_dir
from tests.faults.stub_runner import SLOW_SECONDS

NEEDED = ("ip", "mount", "setpriv", "nginx", "redis-server", "npm", "node")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--learners", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--think", type=float, nargs=2, default=(10.0, 30.0), metavar="S", help="between two pages")
    parser.add_argument("--jobs", type=int, default=12, help="of each fault, and of each worker that is counted")
    parser.add_argument("--away", type=float, default=25.0, metavar="S", help="how long a fault lasts; Redis 60")
    parser.add_argument("--readers", type=int, default=8, help="learners who read during the faults")
    parser.add_argument("--only", metavar="WORDS", help="only faults whose name has these words")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args()


@contextmanager
def learners(fleet: Fleet, locust: Path, sessions: list[str], think: Any, name: str) -> Iterator[Path]:
    """Learners who read and submit; the file with their answers is there afterwards."""
    from benchmarks.web.__main__ import boards, pages

    result, plan = fleet.folder / f"{name}.answers", fleet.folder / f"{name}.plan"
    told = {"users": sessions, "pages": pages(), "boards": boards(1), "think_s": think, "host": stack.HOST}
    plan.write_text(json.dumps({**told, "result": str(result)}))
    words = ("--headless", "--only-summary", "-u", str(len(sessions)), "-r", str(len(sessions)), "--stop-timeout", "5")
    argv = [str(locust), "-m", "locust", "-f", "benchmarks/web/learners.py", *words, "--host", fleet.address]
    with (fleet.folder / f"{name}.log").open("w") as out, subprocess.Popen(
        argv, cwd=ROOT, env=os.environ | {"LOAD_PLAN": str(plan)}, stdout=out, stderr=out, start_new_session=True
    ) as process:  # fmt: skip
        try:
            yield result
        finally:
            stack.end(process, 30)


def answers(file: Path) -> list[figures.Request]:
    return [figures.Request(*json.loads(line)) for line in file.read_text().splitlines()]


def under_load(fleet: Fleet, given: argparse.Namespace, locust: Path, sessions: list[str]) -> dict[str, Any]:
    from benchmarks.fleet.faults import last

    # Until all have arrived, nothing is measured.
    ramp, seconds = given.think[1] + 5, 60 * given.minutes
    before = os.getloadavg()[0]
    with learners(fleet, locust, sessions, given.think, "load") as file:
        last(ramp)
        spent, begin = {name: host.seconds() for name, host in fleet.hosts.items()}, time.time()
        database = database_seconds(fleet)
        last(seconds)
        end = time.time()
        cores = {name: (host.seconds() - spent[name]) / (end - begin) for name, host in fleet.hosts.items()}
        cores["db"] = (database_seconds(fleet) - database) / (end - begin)
    rows = figures.steady(answers(file), begin, end)
    times = [row.ms for row in rows if row.status]
    told = figures.figures(rows)
    return {
        **{name: told[name] for name in ("requests", "fivexx", "failed", "refused", "submitted", "submit_p99_ms")},
        "learners": len(sessions),
        "think_s": given.think,
        "seconds": end - begin,
        "per_second": len(rows) / (end - begin),
        "p50_ms": figures.percentile(times, 0.5),
        "p99_ms": figures.percentile(times, 0.99),
        "cores": {name: round(value, 3) for name, value in cores.items()},
        "load_before": before,
        "load_after": os.getloadavg()[0],
    }


def database_seconds(fleet: Fleet) -> float:
    """PostgreSQL is no child of ours: its first process is named in its folder."""
    import psutil

    pid = int((fleet.database.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    whole = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
        try:
            # With those of connections that have ended.
            times = process.cpu_times()
            whole += times.user + times.system + (times.children_user + times.children_system) * (process.pid == pid)
        except psutil.Error:
            continue
    return whole


def counted(fleet: Fleet, given: argparse.Namespace, people: Any) -> tuple[dict[str, float], list[Any]]:
    """Jobs per minute with one, two and three workers."""
    from benchmarks.fleet import jobs

    rates, made = {}, []
    for count in range(1, len(WORKERS) + 1):
        part = people.submit(count * given.jobs)
        for name in WORKERS[:count]:
            fleet.start_worker(name)
        jobs.ended(part, f"{count} workers")
        for name in WORKERS[:count]:
            fleet.hosts[name].stop("worker")
        rates[str(count)] = round(part.per_minute(), 2)
        made.append(part)
        say(f"{count} workers: {rates[str(count)]} jobs per minute")
    return rates, made


def survived(fleet: Fleet, given: argparse.Namespace, people: Any, name: str) -> tuple[dict[str, Any], Any]:
    from benchmarks.fleet import jobs
    from tests.waiting import wait_until

    made = people.submit(given.jobs)
    wait_until(lambda: made.are_running(2), lambda: name, seconds=jobs.MOST_SECONDS)
    begin, seconds = time.time(), max(given.away, LONGER.get(name, 0) if given.away >= LEASE else 0)
    FAULTS[name](fleet, seconds)
    healed = time.time()
    jobs.ended(made, name)
    end = time.time()
    row = {
        "fault": name,
        "jobs": given.jobs,
        "began": begin,
        "lasted_s": healed - begin,
        "recovery_s": end - healed,
        "ended": end,
        "claims": sum(made.current().values_list("fence", flat=True)),
        "wrong": made.wrong(),
    }
    say(f"{name}: {row['recovery_s']:.0f} s, {row['claims']} claims, {len(row['wrong'])} wrong")
    return row, made


def real(fleet: Fleet, people: Any, source: Path) -> tuple[dict[str, Any] | None, list[Any]]:
    """A baseline of the course, graded on a worker's host by the real runner with the base model."""
    from benchmarks.fleet import jobs
    from challenges.kinds.prompt import KIND
    from challenges.models.catalogue import MODELS
    from challenges.reading import read_course
    from gradus.courses.models import Challenge
    from gradus.submissions.models import WorkerStatus
    from tests.smoke import baselines
    from tests.smoke.story import LIBRARY

    choice = baselines.good(read_course(LIBRARY), KIND.name)
    model = str(choice.bundle.challenge.model)
    place = source / "models" / model
    if not (place / "digest.txt").is_file() or model not in MODELS:
        return None, []
    shutil.copytree(place, fleet.hosts["w2"].folder / REAL / "models" / model)
    challenge = Challenge.objects.shown().get(slug=choice.slug)
    # Those of the stand-in have no weights.
    WorkerStatus.objects.all().delete()
    made = people.submit(1, choice.baseline.payload.model_dump(mode="json"), challenge)
    fleet.start_worker("w2", is_real=True)
    jobs.ended(made, "the real runner")
    fleet.hosts["w2"].stop("worker")
    WorkerStatus.objects.all().delete()
    shown = float(made.submissions[0].current.score.shown)
    return {"name": choice.name, "score": shown, "broken": choice.promise_broken(shown)}, [made]


def rehearse(given: argparse.Namespace, locust: Path, source: Path) -> dict[str, Any]:
    with opened(source) as fleet:
        from benchmarks.fleet import jobs
        from gradus.submissions.models import Submission
        from tests.waiting import wait_until

        names = [name for name in FAULTS if not given.only or given.only in name]
        say("all hosts run")
        try:
            people = jobs.People(given.learners + given.readers, given.jobs * (len(names) + 6) + 20)
            sessions, readers = people.sessions[: given.learners], people.sessions[given.learners :]
            for name in WORKERS:
                fleet.start_worker(name)
            load = under_load(fleet, given, locust, sessions)
            say(f"{load['per_second']:.1f} requests per second, 99th percentile {load['p99_ms']} ms")
            wait_until(jobs.all_ended, seconds=4 * jobs.MOST_SECONDS)
            for name in WORKERS:
                fleet.hosts[name].stop("worker")
            rates, made = counted(fleet, given, people)
            graded, part = real(fleet, people, source)
            made += part
            for name in WORKERS:
                fleet.start_worker(name)
            rows = []
            with learners(fleet, locust, readers, (2.0, 6.0), "readers") as file:
                for name in names:
                    row, part = survived(fleet, given, people, name)
                    rows.append(row)
                    made.append(part)
            wait_until(jobs.all_ended, seconds=jobs.MOST_SECONDS)
            asked = answers(file)
            for row in rows:
                during = figures.steady(asked, row["began"], row.pop("ended"))
                row["requests"] = len(during)
                row["failed_requests"] = sum(one.status == 0 or one.status >= 500 for one in during)
                row.pop("began")
            everything = answers(fleet.folder / "load.answers") + asked
            ours = {one.pk for part in made for one in part.submissions}
            return {
                "machine": with_cores(),
                "setting": setting(fleet, given),
                "load": load,
                "jobs_per_minute": rates,
                "item_s": SLOW_SECONDS,
                "real": graded,
                "readers": given.readers,
                "faults": rows,
                "told": sum(one.name == figures.SUBMIT and one.status == 302 for one in everything),
                "held": Submission.objects.exclude(pk__in=ours).count(),
                "history": jobs.verdict(made),
            }
        except BaseException:
            say(fleet.logs())
            raise


def setting(fleet: Fleet, given: argparse.Namespace) -> str:
    return (
        "Nine hosts as network namespaces of one machine with a bridge and veth pairs: nginx, two web servers with one "
        "process and a reconciler each, PostgreSQL (fsync on), Redis, an S3 server "
        f"({fleet.s3}, which checks how old an address is but not its signature), and three machines with tokens. A "
        f"lease lasts {3 * LEASE} s here, and 180 s on a site. nginx waits 2 s for a web server."
    )


def broken(found: dict[str, Any]) -> list[str]:
    told = found["history"]
    lines = [*told["lost"], *told["doubled"], *told["broken"]]
    lines += [line for row in found["faults"] for line in row["wrong"]]
    if found["held"] < found["told"]:
        lines.append(f"learners were told of {found['told']} attempts, {found['held']} are there")
    if found["real"] and found["real"]["broken"]:
        lines.append(found["real"]["broken"])
    return lines


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = arguments()
    # Else each question whether the site serves is a line.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    missing += [] if FAKETIME else ["faketime"]
    if os.geteuid() or missing:
        say(f"It needs root, {', '.join(NEEDED)} and faketime; missing: {', '.join(missing) or 'root'}.")
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        found = rehearse(given, venvs.python("locust"), data_dir())
    except venvs.NotInstalled as reason:
        say(f"Locust could not be installed: {reason}")
        return 2
    except KeyboardInterrupt:
        say("Stopped; nothing is left running.")
        return 130
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    lines = broken(found)
    for line in lines:
        say(f"broken: {line}")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
