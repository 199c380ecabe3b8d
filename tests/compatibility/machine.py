"""A worker with the real graders and stand-ins for the base model and the judge, on a machine without a name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graders.base import DENIALS, Judge, Judged
from gradus.reviews.judge_store import Store
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.states import State
from tests.compatibility.course import JUDGE
from tests.learn.hidden.worlds import Engine, Hidden
from workers import status
from workers.judge.contract import CallRecord
from workers.work import Worker

HOST = "grader-1"
QUOTE = "the weights keep old facts"
SECRET = Hidden((("a thing", "sea"),), "hidden", 1.0)


class LoggedJudge:
    """Marks every criterion as met, and leaves the log and the budgets that the real client leaves."""

    def judge(self, item: Judge) -> Judged:
        rows = [
            {"id": id, "evidence": [QUOTE], "reason": "It says so.", "mark": "met", "confidence": 90}
            for id in item.criteria
        ]
        reply: dict[str, Any] = {"criteria": rows, "contradictions": [], "addresses_grader": False}
        if item.asks == DENIALS:
            reply = {"denials": [{"id": id, "evidence": [], "reason": "No.", "denied": False} for id in item.criteria]}
        store = Store(Evaluation.objects.get(state=State.RUNNING, lane="judge"), Judged)
        store.reserve(900, 4000)
        call = CallRecord("0" * 64, "criteria-1", JUDGE, "json_schema", {"model": JUDGE}, "{}", reply, "", 700, 90, 1.5)
        number = store.log(call)
        store.settle(900, 790, 4000, 3000)
        return Judged(reply, "", JUDGE, number)


@contextmanager
def nameless(clock: Any) -> Iterator[None]:
    """No name of this machine or of its user is stored; the clock alone says how long something took."""
    stand_in = SimpleNamespace(monotonic=lambda: time.time(), sleep=lambda seconds: clock.shift(seconds))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: HOST)
        patch.setattr("platform.node", lambda: HOST)
        patch.setattr("gradus.accounts.staff_actions._login", lambda: "operator")
        patch.setattr("sys.argv", ["manage.py", "import_course"])
        patch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
        for module in ("events", "hidden_row_timing"):
            patch.setattr(f"workers.grading.{module}.time", stand_in)
        yield


def worker(lane: str, clock: Any, folder: Path) -> Worker:
    return Worker(lane, runner=Engine(SECRET, clock, folder), judge=LoggedJudge())  # type: ignore[arg-type]


def graded(owner: Submission | Run, clock: Any, folder: Path) -> Evaluation:
    """The owner's evaluation after its lane was worked off; raises AssertionError where it is still open."""
    at_work = worker(owner.current.lane, clock, folder)
    while Evaluation.objects.get(pk=owner.current.pk).is_open and at_work.step():
        clock.shift(1)
    found = Evaluation.objects.get(pk=owner.current.pk)
    assert not found.is_open, found
    return found
