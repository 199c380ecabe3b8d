from dataclasses import replace
from types import SimpleNamespace

import pytest

from graders.base import (
    CALIBRATE,
    Embed,
    Embedded,
    Generate,
    Grade,
    Judge,
    Judged,
    Rejected,
    Score,
    Scored,
    Train,
    Trained,
)
from workers.execute import Memo, execute
from workers.sandbox.supervisor import RunnerTimeout, Stopped, WorkLimit

SCORE = Score("m", "p", ("a",), ("x", "y"))
TRAIN = Train("m", (("a", "b"),), (), 8, 16, 1e-3, 3, 16, 17)
JUDGE = Judge((), {}, "t", ())
TRAINED = Trained("/scratch/adapter-1", 3, 0.5, None, 0.01, 10, 30, 1.0)


class Recorder:
    """A runner and a judge that return prepared results."""

    def __init__(self, **results):
        self.results = {
            "Score": Scored([[-1.0, -2.0]], [1], 0.0),
            "Train": TRAINED,
            "Embed": Embedded([[1.0]]),
        } | results
        self.items, self.limits = [], []

    def run(self, item, *, on_event, should_stop, seconds):
        self.items.append(item)
        self.limits.append(seconds)
        on_event({"type": "progress"})
        result = self.results[type(item).__name__]
        if isinstance(result, Exception):
            raise result
        return result

    def judge(self, item):
        self.items.append(item)
        return Judged({"ok": True})


def carry(grading, recorder, *, judge=None, stop=lambda: False, seconds=100.0):
    events = []
    return execute(grading, recorder, judge, events.append, stop, seconds), events


def grading(*items, closed=None):
    results = []
    try:
        for item in items:
            results.append((yield item))
    finally:
        if closed is not None:
            closed.append(True)
    return Grade(score=0.5, private={"results": results})


def test_items_are_carried_out_in_order_and_their_results_sent_back():
    recorder = Recorder()
    grade, events = carry(grading(SCORE, Embed(("a",)), JUDGE), recorder, judge=recorder)
    assert recorder.items == [SCORE, Embed(("a",)), JUDGE]
    assert grade.private["results"] == [recorder.results["Score"], Embedded([[1.0]]), Judged({"ok": True})]
    assert len(events) == 2
    assert carry(grading(JUDGE), recorder)[0].private["results"] == [Judged(None, "no judge")]


def test_job_adapter_is_the_one_that_this_grading_trained():
    recorder = Recorder(Generate=Scored([], [], 0.0))
    score, named = (replace(SCORE, adapter=adapter) for adapter in ("job", "/demo"))
    carry(grading(TRAIN, score, Generate("m", "p", ("a",), 4, adapter="job"), SCORE, named), recorder)
    assert [getattr(item, "adapter", None) for item in recorder.items[1:]] == [
        *[TRAINED.files] * 2, None, "/demo",
    ]  # fmt: skip


def test_job_adapter_of_another_grading_is_out_of_reach():
    recorder = Recorder()
    carry(grading(TRAIN), recorder)
    with pytest.raises(ValueError, match="before it has trained"):
        carry(grading(Score("m", "p", ("a",), ("x",), adapter="job")), recorder)
    assert len(recorder.items) == 1


def test_the_deadline_covers_all_items():
    recorder = Recorder()
    carry(grading(SCORE, SCORE), recorder, seconds=50.0)
    assert 50 >= recorder.limits[0] >= recorder.limits[1] > 49
    closed = []
    with pytest.raises(RunnerTimeout):
        carry(grading(SCORE, closed=closed), recorder, seconds=0.0)
    assert closed == [True] and len(recorder.items) == 2


class Clocks:
    """A wall clock, and the clock of a runner that gets a share of the machine's time."""

    def __init__(self, monkeypatch, share):
        self.wall = self.work = 0.0
        self.share = share
        monkeypatch.setattr("workers.execute.time", SimpleNamespace(monotonic=lambda: self.wall))

    def pass_time(self, seconds):
        self.wall += seconds
        self.work += self.share * seconds


class Busy(Recorder):
    """Each item needs ten seconds of work, and asks meanwhile whether it must stop; a judge takes as long."""

    def __init__(self, clocks):
        super().__init__()
        self.clocks = clocks

    def run(self, item, *, should_stop, **rest):
        end = self.clocks.work + 10
        while self.clocks.work < end:
            self.clocks.pass_time(1)
            should_stop()
        return super().run(item, should_stop=should_stop, **rest)

    def judge(self, item):
        self.clocks.wall += 10
        return super().judge(item)


def busy(monkeypatch, share, *items, remotes=False):
    clocks = Clocks(monkeypatch, share)
    recorder = Busy(clocks)
    other = {"m": SimpleNamespace(run=recorder.run, waited=0.0)} if remotes else {}
    execute(
        grading(*items), recorder, recorder, lambda event: None, lambda: False, 40.0,
        remotes=other, worked=lambda: clocks.work,
    )  # fmt: skip
    return recorder


def test_waiting_for_other_workers_ends_no_job(monkeypatch):
    """An item of a remote engine takes 1,000 s of a limit of 40, and asks meanwhile whether it must stop."""
    clocks = Clocks(monkeypatch, 1.0)

    class Far(Recorder):
        waited, share = 0.0, 1.0

        def run(self, item, *, should_stop, **rest):
            clocks.pass_time(1000)
            self.waited += 1000 * self.share
            assert not should_stop()
            return super().run(item, should_stop=should_stop, **rest)

    def carry_out():
        execute(grading(SCORE, SCORE), far, None, lambda event: None, lambda: False, 40.0, remotes={"m": far})

    far = Far()
    carry_out()
    assert far.limits == [40.0, 40.0]
    far.share = 0.0
    with pytest.raises(RunnerTimeout):
        carry_out()


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_machine_that_is_busy_takes_no_work_from_a_job_which_ends_where_its_work_is_done(monkeypatch, share):
    recorder = busy(monkeypatch, share, SCORE, SCORE, SCORE, SCORE)
    assert recorder.limits == [40.0, 30.0, 20.0, 10.0]
    with pytest.raises(WorkLimit):
        busy(monkeypatch, share, *[SCORE] * 5)


def test_a_job_ends_at_three_times_its_limit_by_the_wall_clock(monkeypatch):
    with pytest.raises(RunnerTimeout) as caught:
        busy(monkeypatch, 0.3, *[SCORE] * 4)
    assert not isinstance(caught.value, WorkLimit)


def test_a_judge_does_no_work_and_a_remote_engine_does(monkeypatch):
    assert busy(monkeypatch, 1.0, *[JUDGE] * 6, SCORE).limits == [40.0]
    with pytest.raises(WorkLimit):
        busy(monkeypatch, 0.5, *[SCORE] * 3, remotes=True)


def test_a_stop_ends_between_items():
    recorder, closed = Recorder(), []
    with pytest.raises(Stopped):
        carry(grading(SCORE, SCORE, closed=closed), recorder, stop=lambda: len(recorder.items) == 1)
    assert len(recorder.items) == 1 and closed == [True]


def test_a_refusal_passes_through_and_closes_the_grader():
    closed = []
    with pytest.raises(Rejected):
        carry(grading(TRAIN, closed=closed), Recorder(Train=Rejected("diverged")))
    assert closed == [True]


def test_calibration_is_kept_from_job_to_job_and_nothing_else_is():
    recorder, memo = Recorder(), Memo()
    calibration, hidden = replace(SCORE, stage=CALIBRATE), replace(SCORE, stage="hidden")
    tuned = replace(calibration, adapter="/scratch/adapter-9")
    for _ in range(2):
        execute(grading(calibration, hidden, tuned), recorder, None, lambda event: None, lambda: False, 100.0, memo)
    assert recorder.items == [calibration, hidden, tuned, hidden, tuned]
