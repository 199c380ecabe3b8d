"""The process of a worker when it is told to end."""

import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest

from tests import factories
from tests.workers.test_work import TableRunner
from workers import status, tasks, work, worker

MODEL = "smollm2-135m-instruct"


@pytest.fixture
def ring(ada, course, monkeypatch):
    """A ring of the lane `grade`, whose worker answers from a table, and the evaluation that waits for it."""
    monkeypatch.setattr(status, "digests", lambda: {MODEL: "d" * 64})
    monkeypatch.setattr(tasks, "_ending", threading.Event())
    monkeypatch.setattr(
        tasks, "current_task", SimpleNamespace(request=SimpleNamespace(delivery_info={"routing_key": "grade"}))
    )
    monkeypatch.setattr(work, "_residents", {})
    monkeypatch.setattr(worker, "Runner", lambda **options: TableRunner())
    submission = factories.submit(ada)

    def ring() -> str:
        tasks.ring()
        return submission.current.state

    return ring


@pytest.mark.django_db(transaction=True)
def test_a_ring_is_answered(ring):
    work.resident("grade")
    assert ring() == "scored"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_importing", [True, False])
def test_a_process_that_is_told_to_end_takes_no_further_work(ring, monkeypatch, is_importing):
    with monkeypatch.context() as importing:
        if is_importing:
            importing.setitem(sys.modules, "workers.work", ModuleType("workers.work"))
        else:
            work.resident("grade")
        tasks.give_back()
    assert ring() == "queued"
