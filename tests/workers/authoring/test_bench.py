"""A bench makes several calls at once, fewer while the endpoint has too much, and grades as one call after another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from graders.base import Judge, Judged
from tests.graders.free_text import judges
from tests.workers.authoring.conftest import hashed
from workers.authoring import bench
from workers.authoring.bench import Bench, Interrupted, Slots
from workers.judge.contract import JudgeMisconfigured, Postpone

WAIT = 10


class Endpoint:
    """Refuses calls while more than `allowed` are under way; its first `together` calls are under way at once."""

    def __init__(self, allowed: int, together: int) -> None:
        self.allowed, self.calls, self.refused, self.under_way = allowed, 0, 0, 0
        self.lock = threading.Lock()
        self.meeting = threading.Barrier(together)

    def ask(self) -> str:
        with self.lock:
            self.calls, self.under_way = self.calls + 1, self.under_way + 1
            meets = self.calls <= self.meeting.parties
        try:
            if meets:
                self.meeting.wait(WAIT)
            with self.lock:
                refused = self.under_way > self.allowed
                self.refused += refused
            if refused:
                raise Postpone(7, "judge_429")
            return "said"
        finally:
            if meets:
                self.meeting.wait(WAIT)
            with self.lock:
                self.under_way -= 1


def test_calls_that_are_refused_together_halve_the_number_once_and_wait_once() -> None:
    pauses: list[float] = []
    endpoint, slots = Endpoint(allowed=4, together=8), Slots(8, pauses.append)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(slots.call, [endpoint.ask] * 8)) == ["said"] * 8
    assert (endpoint.refused, endpoint.calls) == (8, 16)
    assert (pauses, slots.limit) == ([7], 4)


def test_the_number_falls_to_one_and_rises_again() -> None:
    slots, refusals = Slots(4, lambda seconds: None), [Postpone(1, "judge_429")] * 3

    def ask() -> str:
        if refusals:
            raise refusals.pop()
        return "said"

    assert slots.call(ask) == "said"
    assert slots.limit == 1
    for limit, calls in ((2, bench.RISES_AFTER), (4, 9 * bench.RISES_AFTER)):
        for _ in range(calls):
            slots.call(ask)
        assert slots.limit == limit


def test_patience_ends_only_where_no_call_was_answered_in_between() -> None:
    pauses: list[float] = []
    slots = Slots(1, pauses.append)

    def refuse() -> str:
        raise Postpone(3, "judge_503", "look at its log")

    for turns in (1, 2):
        with pytest.raises(Postpone, match="judge_503"):
            slots.call(refuse)
        assert pauses == [3] * (turns * bench.PATIENCE)
        slots.call(lambda: "said")


def test_stopping_ends_a_long_wait() -> None:
    slots, refused = Slots(1), threading.Event()

    def refuse() -> str:
        refused.set()
        raise Postpone(3600, "judge_429")

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(slots.call, refuse)
        assert refused.wait(WAIT)
        slots.stop()
        with pytest.raises(Interrupted):
            call.result(WAIT)


class Marking:
    """A judge that marks each text the same in each call, and says how many calls were under way at once."""

    def __init__(self, together: int = 0) -> None:
        self.calls, self.most, self.under_way = 0, 0, 0
        self.lock = threading.Lock()
        self.meeting = threading.Barrier(together) if together else None
        self.error: Exception | None = None

    def judge(self, item: Judge) -> Judged:
        with self.lock:
            self.calls, self.under_way = self.calls + 1, self.under_way + 1
            self.most = max(self.most, self.under_way)
            meet = self.meeting is not None and self.calls <= self.meeting.parties
        if meet and self.meeting is not None:
            self.meeting.wait(WAIT)
        with self.lock:
            self.under_way -= 1
        if self.error is not None:
            raise self.error
        text = item.messages[-1]["content"]
        return Judged(judges.says({c: ("met", "not_met")[len(text) % 2] for c in item.criteria}, {}), model="m")


def made(judge: Marking, parallel: int) -> Bench:
    return Bench(judge, hashed, parallel=parallel)


def test_grades_are_those_of_one_call_after_another_and_in_the_same_order() -> None:
    bundle = judges.bundle_of()
    answers = [(bundle, f"Number {n}: {judges.GOOD} {'x' * n}", ()) for n in range(8)]
    done: list[int] = []
    one, four = Marking(), Marking(together=4)
    expected = made(one, 1).grade_all(answers)
    got = made(four, 4).grade_all(answers, on_done=lambda: done.append(1))
    assert got == expected
    assert (one.most, four.most, one.calls, len(done)) == (1, 4, four.calls, 8)


def test_an_error_ends_the_run_and_nothing_more_is_asked() -> None:
    bundle, judge = judges.bundle_of(), Marking()
    judge.error = JudgeMisconfigured("set the key")
    with pytest.raises(JudgeMisconfigured, match="set the key"):
        made(judge, 2).grade_all([(bundle, f"{judges.GOOD} {n}", ()) for n in range(50)])
    assert judge.calls <= 2
