"""A purpose of runs is one class and one entry: this file brings one, and takes it from its start to its deletion."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from challenges.jobs import Outcome
from challenges.kinds.base import Lane
from gradus import retention
from gradus.fleet import jobs
from gradus.submissions import queue, services
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.purposes import PURPOSES
from gradus.submissions.services import purpose
from tests import factories

ENDS: list[str] = []


class Nightly(purpose.Purpose):
    """Grades hidden rows at night with another seed, and keeps the run for a year."""

    name = "nightly"
    kept = retention.MEASUREMENTS
    is_awaited = False
    on_hidden_rows = True

    def lane(self, kind):
        return Lane.GRADE

    def load(self, run):
        return {"seed": 7}

    def recorded(self, evaluation, outcome):
        ENDS.append("recorded")

    def closed(self, evaluation):
        ENDS.append("closed")


@pytest.fixture
def nightly(monkeypatch):
    monkeypatch.setitem(PURPOSES, "nightly", "tests.submissions.test_purposes.Nightly")
    ENDS.clear()


@pytest.fixture
def run(nightly, course):
    return services.start_run(None, factories.challenge("sea-or-sky").version, factories.PROMPT, purpose="nightly")


def test_it_waits_where_and_when_its_class_says(run):
    run.clean_fields(exclude=["user", "inputs"])
    assert (run.current.lane, run.current.fair_share_rank) == (Lane.GRADE, queue.VERIFICATION_RANK)
    assert run.expires_at > timezone.now() + timedelta(days=364)


def test_a_worker_gets_what_its_class_loads(run):
    job = jobs.claim(Lane.GRADE, worker="worker-1", profile="cpu/float32/2")
    assert (job.purpose, job.seed, job.on_hidden_rows, job.gives_way) == ("nightly", 7, True, True)
    assert (job.is_whole, job.has_plain_metric) == (False, False)


def test_its_class_hears_of_its_end(run, ada):
    factories.grade(run, 0.5)
    factories.grade(factories.submit(ada), 0.5)
    assert (ENDS, run.current.state) == (["recorded"], "scored")


def test_its_class_hears_of_an_end_without_a_result(run):
    services.cancel_run(run)
    assert ENDS == ["closed"]


@pytest.mark.parametrize("name", PURPOSES)
def test_each_class_has_the_name_of_its_entry(name):
    assert purpose.find(name).name == name


def test_what_another_release_has_queued_stops_nothing(course, ada):
    """Its run is graded on public rows, which belong to nobody."""
    run = services.start_run(None, factories.challenge("sea-or-sky").version, factories.PROMPT)
    Run.objects.filter(pk=run.pk).update(purpose="tomorrow")
    job = jobs.claim(Lane.INTERACTIVE, worker="worker-1", profile="cpu/float32/2")
    assert job.on_hidden_rows is False
    services.record(job.id, job.fence, Outcome(result={}))
    assert Evaluation.objects.get(pk=job.id).state == "scored"
    run.refresh_from_db()
    with pytest.raises(ValidationError, match="There is no purpose of runs called tomorrow"):
        run.clean_fields()
