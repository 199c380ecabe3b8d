"""Rows that an engine reports reach the event table as a learner may see them, and never a hidden one."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest

from graders.base import Generated
from gradus.fleet.jobs import job_of
from gradus.submissions import services
from gradus.submissions.models import Event
from tests import factories
from tests.workers.test_work import TableRunner
from workers.grading import events
from workers.grading.events import EventWriter
from workers.transport.beside import Beside
from workers.work import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")


class TellingRunner(TableRunner):
    """Reports each row of every stage, hidden ones too, as no engine of ours does."""

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        found = super().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)
        values = found.texts if isinstance(found, Generated) else getattr(found, "logprobs", [])
        for number, value in enumerate(values):
            on_event({"type": "rows", "stage": item.stage, "rows": [[number, value]]})
        return found


def stored(owner) -> list[dict[str, Any]]:
    return list(Event.objects.filter(evaluation=owner.current, type="rows").values_list("data", flat=True))


def rows_of(owner) -> list[dict[str, Any]]:
    return [row for data in stored(owner) for row in data["rows"]]


def test_public_rows_of_an_attempt_are_stored_and_hidden_ones_are_not(ada, course):
    submission = factories.submit(ada)
    assert Worker("grade", runner=TellingRunner()).step()
    final = submission.current.result["public"]["rows"]
    assert [row["id"] for row in rows_of(submission)] == [row["id"] for row in final]
    told = {name: final[0][name] for name in ("id", "output")}
    assert rows_of(submission)[0] == {**told, "mark": "right", "score": 1.0, "confidence": 0.8}
    assert {data["stage"] for data in stored(submission)} == {"public"}
    inputs = [sample.input for sample in submission.version.samples]
    assert not [text for text in inputs if text in json.dumps(stored(submission))]


def test_a_run_streams_its_rows_before_its_end_and_the_demos_inputs_are_no_samples(ada, sea_or_sky):
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert Worker("interactive", runner=TellingRunner()).step()
    kinds = list(Event.objects.filter(evaluation=run.current).order_by("seq").values_list("type", flat=True))
    assert kinds.index("rows") < kinds.index("finished") and len(rows_of(run)) == 4
    inputs = ["a", "b", "c", "d"]
    demo = services.start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="demo", inputs=inputs)
    assert Worker("interactive", runner=TellingRunner()).step()
    assert demo.current.state == "scored" and stored(demo) == []


class BrokenRunner(TableRunner):
    """Reports rows that nobody can read, as a runner that was taken over might."""

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        for rows in ([[99, [0.0, 0.0]]], [[0, "text"]], [[0]], None, [[0, [math.inf, 0.0]]], "rows"):
            on_event({"type": "rows", "stage": item.stage, "rows": rows})
        on_event({"type": "rows"})
        return super().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)


def test_rows_that_cannot_be_read_end_no_job(ada, course):
    submission = factories.submit(ada)
    assert Worker("grade", runner=BrokenRunner()).step()
    assert submission.current.state == "scored" and stored(submission) == []


def rows_event(*numbers: int, stage: str = "public") -> dict[str, Any]:
    rows = [{"id": f"p{number}", "mark": "right", "score": 1.0, "output": "sky"} for number in numbers]
    return {"type": "rows", "stage": stage, "rows": rows}


def progress(done: int, stage: str = "public") -> dict[str, Any]:
    return {"type": "progress", "stage": stage, "done": done, "total": 9}


@pytest.fixture
def writer(ada, course) -> EventWriter:
    """It has just written, so that what comes now waits."""
    evaluation = factories.claimed(factories.submit(ada))
    made = EventWriter(job_of(evaluation), Beside())
    made.take()
    return made


@pytest.mark.parametrize("stage", ["hidden", "calibrate", "train", "", None])
def test_the_event_table_takes_rows_of_public_samples_only(writer, stage):
    writer.add(rows_event(1, stage=stage))
    assert writer.take() == []


def test_rows_that_wait_become_one_event(writer):
    for event in (progress(1), rows_event(1), progress(2), rows_event(2, 3), progress(3)):
        writer.add(event)
    kept = writer.take()
    assert [kind for kind, _ in kept] == ["rows", "progress"]
    assert [one["id"] for one in kept[0][1]["rows"]] == ["p1", "p2", "p3"] and kept[1][1]["done"] == 3


def test_rows_are_written_at_most_twice_a_second(writer, monkeypatch):
    now, writes = [100.0], []
    monkeypatch.setattr(events.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(writer, "_write", lambda items: writes.append((now[0], items)))
    writer.take()
    for number in range(40):
        now[0] += 0.125
        writer.add(rows_event(number))
    times = [at for at, _ in writes]
    assert len(times) == 10 and all(b - a >= 0.5 for a, b in pairwise(times))
    told = [one["id"] for _, items in writes for _, data in items for one in data["rows"]]
    assert told == [f"p{number}" for number in range(len(told))]
