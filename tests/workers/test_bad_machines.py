"""Machines that should not grade as they are, and places that fail: no grade is wrong, none is lost, and one line says
what to do.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.files.storage import storages
from django.db import OperationalError, ProgrammingError

from gradus.courses import bundles
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from tests import factories
from tests.workers.test_work import TableRunner
from workers.grading import assignments
from workers.management.commands.work import Command
from workers.work import Worker

pytestmark = pytest.mark.django_db
BUSY = ClientError({"Error": {"Code": "503", "Message": "SlowDown"}}, "GetObject")
AWAY = EndpointConnectionError(endpoint_url="https://bucket.example.org")


@pytest.fixture(autouse=True)
def bundles_are_read_anew(model_is_here):
    bundles.of_digest.cache_clear()
    yield
    bundles.of_digest.cache_clear()


def graded(submission):
    """Once it may be tried again, a healthy worker grades it."""
    Evaluation.objects.update(available_at="2026-01-01T00:00:00Z")
    assert Worker("grade", runner=TableRunner()).step()
    return submission.current.state == "scored"


def raising(error):
    def fails(*_, **__):
        raise error

    return fails


def test_a_worker_of_an_old_release_gives_its_jobs_back_and_says_what_to_install(ada, course, monkeypatch):
    submission, one = factories.submit(ada), Worker("grade", runner=TableRunner())
    refused = ProgrammingError("column fair_share_rank does not exist")
    refused.__cause__ = psycopg.errors.UndefinedColumn()
    with monkeypatch.context() as patch:
        patch.setattr(assignments, "prepared", raising(refused))
        assert one.step()
    current = submission.current
    assert (current.state, current.attempt, current.fence) == ("queued", 0, 1)
    told = WorkerStatus.objects.get(name=one.name).problem
    assert told.startswith(
        "The database refuses a statement of this worker (UndefinedColumn). Install the web server's"
    )
    assert graded(submission)


@pytest.mark.parametrize("off", [timedelta(hours=-5), timedelta(minutes=1), timedelta(days=400)])
def test_a_worker_with_a_wrong_clock_goes_by_that_of_the_database(ada, bob, course, off):
    done, held = factories.submit(ada), factories.submit(bob)
    began = datetime.now(UTC)
    with time_machine.travel(began + off):
        assert Worker("grade", runner=TableRunner()).step()
        claimed = services.claim("grade", worker="other:grade:1", profile="cpu/float32/1")
        assert services.heartbeat(claimed.pk, claimed.fence)
        assert services.claim("grade", worker="third:grade:1", profile="cpu/float32/1") is None
    ended, lease = done.current.finished_at, held.current.lease_until
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert done.current.state == "scored" and began - timedelta(seconds=1) <= ended <= now
    assert began < lease <= now + timedelta(seconds=60)


@pytest.mark.parametrize("error", [BUSY, AWAY, OSError("No route to host")])
def test_a_store_that_fails_costs_no_learner_an_attempt(ada, course, monkeypatch, error):
    submission = factories.submit(ada)
    with monkeypatch.context() as patch:
        patch.setattr(bundles, "of_digest", raising(error))
        assert Worker("grade", runner=TableRunner()).step()
    assert (submission.current.state, submission.current.error_code) == ("queued", "")
    assert graded(submission)


@pytest.mark.parametrize("part", [0, 100, -1])
def test_a_part_of_a_file_is_no_file(ada, course, part):
    submission = factories.submit(ada)
    file = Path(storages["private"].path(bundles.path_of(submission.version.digest)))
    whole = file.read_bytes()
    file.write_bytes(whole[:part])
    assert Worker("grade", runner=TableRunner()).step()
    assert (submission.current.state, submission.current.error_code) == ("queued", "")
    file.write_bytes(whole)
    assert graded(submission)


def test_content_under_another_name_is_not_graded_with(ada, course):
    submission = factories.submit(ada)
    digests = (factories.challenge(name).version.digest for name in ("sea-or-sky", "explain"))
    own, other = (Path(storages["private"].path(bundles.path_of(digest))) for digest in digests)
    own.write_bytes(other.read_bytes())
    with pytest.raises(bundles.BundleDamaged, match="holds another bundle; import the course again"):
        bundles.load(submission.version)


# The command gives its connection back between two steps.
@pytest.mark.django_db(transaction=True)
def test_a_worker_outlives_a_database_that_refuses_connections(ada, course, monkeypatch):
    submission, one = factories.submit(ada), Worker("grade", runner=TableRunner())
    with monkeypatch.context() as patch:
        patch.setattr(services, "claim", raising(OperationalError("refused")))
        assert not Command().step(one)
    assert Command().step(one) and submission.current.state == "scored"
