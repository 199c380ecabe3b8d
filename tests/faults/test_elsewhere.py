"""Workers of other machines: many wait at once, and what HTTP adds to a job."""

from __future__ import annotations

import statistics
from collections import Counter
from threading import Event, Thread
from uuid import uuid4

import pytest

from tests.faults.conftest import drain
from tests.faults.site import open_site
from tests.waiting import PATIENCE_SECONDS, wait_until
from workers.transport.http import OverHttp

pytestmark = pytest.mark.slow
PROFILE = "cpu/float32/1"
TIMED_JOBS = 5
# Of a job of ten seconds.
MOST_ADDED_SECONDS = 0.5


@pytest.mark.parametrize(
    ("server", "machines", "jobs"),
    [("sqlite", 4, 12), pytest.param("postgres", 200, 60, marks=pytest.mark.postgres)],
    indirect=["server"],
)
def test_each_job_goes_to_one_of_many_machines_that_wait(server, machines, jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    with open_site(server, lease=600) as site:
        url = f"http://127.0.0.1:{site.start_web()}"
        taken: Counter[int] = Counter()
        problems: list[str] = []
        waits, ending = Counter[str](), Event()

        def wait_for_jobs(name: str, secret: str) -> None:
            machine = OverHttp(url, secret, name=name, ending=ending)
            machine.http.headers["Gradus-Machine"] = uuid4().hex
            try:
                while not ending.is_set():
                    waits[name] += 1
                    if job := machine.claim("grade", f"{name}:grade:0", PROFILE, ()):
                        taken[job.id] += 1
                        machine.reject(job, "out_of_memory", None)
            except Exception as error:
                problems.append(f"{name}: {type(error).__name__} {error}")
            finally:
                machine.close()

        secrets = site.machines(count=machines)
        threads = [
            Thread(target=wait_for_jobs, args=(f"lab-{number}", secret)) for number, secret in enumerate(secrets)
        ]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: problems or len(waits) == machines)
            site.submit(learners=jobs // 4, each=4)
            wait_until(lambda: problems or sum(taken.values()) >= jobs)
        finally:
            ending.set()
            for thread in threads:
                thread.join(PATIENCE_SECONDS)
        assert problems == []
        assert len(taken) == jobs and set(taken.values()) == {1}
        assert {(row["state"], row["fence"]) for row in site.evaluations()} == {("rejected", 1)}


def test_http_adds_at_most_a_twentieth_of_a_job_of_ten_seconds():
    """The same jobs one after another: beside the site, and over HTTP."""
    medians = []
    for is_elsewhere in (False, True):
        with open_site(lease=60) as site:
            site.start_web()
            if is_elsewhere:
                site.start_elsewhere()
            else:
                site.start(workers=1, reconcilers=0)
            for _ in range(TIMED_JOBS):
                site.submit(learners=1, each=1, clients=1, word="slow", http=True)
                drain(site)
            # The first job starts the runner.
            medians.append(statistics.median(site.seconds()[1:]))
    beside, over_http = medians
    print(f"beside the site {beside:.2f} s, over HTTP {over_http:.2f} s")
    assert over_http - beside < MOST_ADDED_SECONDS
