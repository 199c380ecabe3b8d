"""What both transports do alike: the worker cannot tell whether it stands beside the site or reaches it by HTTPS."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from django.core.files.storage import storages

from challenges.jobs import ADAPTER, RAW, TRAINED, LeaseLost, Outcome, StoredFile
from gradus.courses import bundles
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from tests import factories
from tests.workers.test_work import TableRunner
from workers.sandbox.supervisor import RunnerDied
from workers.transport.site import Report
from workers.worker import Worker

PROFILE = "cpu/float32/1"


def claimed(site, lane="grade", worker=None):
    return site.claim(lane, worker or site.name_of(lane), PROFILE, [])


def test_a_job_says_what_is_graded(site, ada, course):
    submission = factories.submit(ada)
    job = claimed(site)
    evaluation = submission.current
    assert (job.id, job.fence, job.attempt, job.lane) == (evaluation.pk, evaluation.fence, 1, "grade")
    assert job.is_submission and job.on_hidden_rows and not job.gives_way
    assert (job.payload, job.kind) == (submission.payload, submission.kind)
    assert job.challenge == submission.version.parsed
    assert site.bundle(job) == bundles.load(submission.version)
    assert evaluation.worker == site.name_of("grade") and evaluation.lease_until is not None


def test_nothing_waits(site, course):
    assert claimed(site) is None
    assert not site.learner_waits("grade", PROFILE, [])


def test_a_model_that_the_worker_lacks_is_left_to_others(site, ada, course):
    submission = factories.submit(ada)
    model = submission.version.parsed.model
    assert site.claim("grade", site.name_of("grade"), PROFILE, [model]) is None
    assert claimed(site) is not None


def test_a_worker_grades_a_submission(site, ada, course, model_is_here):
    submission = factories.submit(ada)
    worker = Worker("grade", site, runner=TableRunner())
    assert worker.step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.score.shown) == ("scored", 1.0)
    with storages["private"].open(evaluation.raw) as file:
        assert b'"hidden"' in file.read()
    kinds = list(evaluation.events.order_by("seq").values_list("type", flat=True))
    assert kinds == ["started", "progress", "finished"]
    assert worker.step() is False
    assert WorkerStatus.objects.get(name=worker.name).busy_with is None


def test_a_run_sees_public_samples_only(site, ada, sea_or_sky, model_is_here):
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    worker = Worker("interactive", site, runner=TableRunner())
    assert worker.step()
    assert {item.stage for item in worker.runner.items} == {"public"}
    assert run.current.state == "scored" and run.current.result["public"]["score"] == 1.0


def test_a_runner_that_dies_costs_a_try(site, ada, course, model_is_here):
    submission = factories.submit(ada)
    assert Worker("grade", site, runner=TableRunner(RunnerDied("gone"))).step()
    assert (submission.current.state, submission.current.attempt) == ("queued", 1)


def test_a_lease_is_renewed_until_it_is_lost(site, ada, course):
    submission = factories.submit(ada)
    job = claimed(site)
    before = submission.current.lease_until
    assert site.renew(job, site.name_of("grade"))
    assert submission.current.lease_until >= before
    Evaluation.objects.update(cancel_requested=True)
    assert not site.renew(job, site.name_of("grade"))
    Evaluation.objects.update(cancel_requested=False, fence=job.fence + 1)
    assert not site.renew(job, site.name_of("grade"))


def test_nothing_is_written_under_an_older_fence(site, ada, course):
    submission = factories.submit(ada)
    late = replace(claimed(site), fence=7)
    site.append_events(late, [("progress", {"stage": "public", "done": 1, "total": 2})])
    assert not submission.current.events.filter(type="progress").exists()
    with pytest.raises(LeaseLost):
        site.record(late, Outcome(result={}, score=1.0), [])
    with pytest.raises(LeaseLost):
        site.reject(late, "timeout", None)
    with pytest.raises(LeaseLost):
        site.postpone(late, 5, "not_idle")
    with pytest.raises(LeaseLost):
        site.keep_trained(late, {"file": "x"})
    assert not site.give_back(late)
    site.retry(late, 0)
    assert submission.current.state == "running"


@pytest.mark.parametrize(
    ("end", "state", "attempt"), [("give", "queued", 0), ("retry", "queued", 1), ("later", "queued", 0)]
)
def test_a_job_goes_back(site, ada, course, end, state, attempt):
    submission = factories.submit(ada)
    job = claimed(site)
    {
        "give": lambda: site.give_back(job),
        "retry": lambda: site.retry(job, 5),
        "later": lambda: site.postpone(job, 30, "not_idle"),
    }[end]()
    assert (submission.current.state, submission.current.attempt) == (state, attempt)


def test_an_error_ends_the_job(site, ada, course):
    submission = factories.submit(ada)
    site.reject(claimed(site), "timeout", None)
    assert (submission.current.state, submission.current.error_code) == ("failed", "timeout")


@pytest.mark.parametrize("what", [RAW, ADAPTER, TRAINED])
def test_a_file_is_written_and_named_by_the_claim(site, ada, course, what):
    factories.submit(ada)
    job = claimed(site)
    content = bytes(range(256)) * 40_000
    name = site.write(job, what, io.BytesIO(content))
    assert f"{job.id}/{job.fence}" in name
    store = "artifacts" if what == ADAPTER else "private"
    with storages[store].open(name) as file:
        assert file.read() == content


def test_a_file_that_is_not_there_is_not_found(site, ada, course):
    factories.submit(ada)
    job = claimed(site)
    with pytest.raises(FileNotFoundError):
        site.read(job, StoredFile("private", "bundles/none.json"))


def test_a_report_is_what_the_site_knows_of_a_worker(site):
    name = site.name_of("grade")
    site.report(Report(name, "grade", "cpu", PROFILE, {"m": "d" * 64}, "", "It is cold.", {"lora/m": "no room"}, 7))
    status = WorkerStatus.objects.get(name=name)
    assert (status.lane, status.device, status.base_models, status.problem) == (
        "grade",
        "cpu",
        {"m": "d" * 64},
        "It is cold.",
    )
    assert (status.lacks, status.busy_with) == ({"lora/m": "no room"}, 7)


def test_others_that_hold_other_weights_are_named(site):
    WorkerStatus.objects.create(name="other:grade:1", lane="grade", base_models={"m": "e" * 64})
    name = site.name_of("grade")
    site.report(Report(name, "grade", base_models={"m": "d" * 64}))
    assert site.other_weights(name, {"m": "d" * 64}) == {"m": ("other:grade:1", "e" * 64)}


def test_it_is_told_apart_whether_the_site_is_away(site):
    assert site.is_away(OSError()) and not site.is_away(ValueError())
    assert site.refusal(ValueError()) == ""
