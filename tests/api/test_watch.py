"""All streams of a process are read in one look; a request's work is done in one visit to a thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from gradus.courses.models import Challenge
from gradus.django_internals import ThreadPoolHandler
from gradus.submissions import services, stream
from gradus.submissions.models import Evaluation
from gradus.submissions.queue import positions, queue_position
from tests import factories

SEEN: list[str] = []


def named(request: HttpRequest) -> HttpResponse:
    SEEN.append(threading.current_thread().name)
    return HttpResponse("here")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault")


urlpatterns = [path("named/", named), path("broken/", broken)]


class Around:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        SEEN.append(threading.current_thread().name)
        answer: HttpResponse = self.get_response(request)
        return answer


@pytest.fixture
def waiting(sea_or_sky: Challenge) -> list[Evaluation]:
    """Six that wait, of three learners: two turns."""
    users = factories.UserFactory.create_batch(3)
    return [factories.submit(user).current for user in users for _ in range(2)]


@pytest.mark.django_db
def test_positions_of_many_are_the_positions_of_each(waiting: list[Evaluation]) -> None:
    fair = sorted(waiting, key=lambda one: (one.fair_share_rank, one.pk))
    expected = {one.pk: fair.index(one) + 1 for one in waiting}
    assert positions("grade", list(expected)) == expected
    assert {one.pk: queue_position(one) for one in waiting} == expected
    assert positions("grade", [fair[3].pk]) == {fair[3].pk: 4}
    assert positions("grade", []) == {}


@pytest.mark.django_db
def test_many_streams_cost_as_much_as_one(waiting: list[Evaluation], django_assert_max_num_queries) -> None:
    done = services.claim("grade", worker="w", profile="p")
    assert done is not None
    services.append_events(done.pk, done.fence, [("progress", {"n": n}) for n in range(3)])
    wanted = {one.pk: 2 if one.pk == done.pk else 0 for one in waiting}
    with django_assert_max_num_queries(4):
        found = stream.look_at({**wanted, 10**6: 0})
    assert [seq for seq, _, _ in found[done.pk].events] == [3, 4]
    assert found[10**6] == stream.GONE
    places = [found[one.pk].state["queue_position"] for one in waiting]
    assert sorted(place for place in places if place) == [1, 2, 3, 4, 5] and places.count(None) == 1


@pytest.mark.django_db
def test_a_long_queue_is_not_counted_at_every_look(waiting: list[Evaluation], django_assert_max_num_queries) -> None:
    places, wanted = stream.QueuePositions(), {one.pk: 0 for one in waiting[:3]}
    stream.look_at(wanted, places)
    with django_assert_max_num_queries(2):
        stream.look_at(wanted, places)
    assert stream.look_at({waiting[4].pk: 0}, places)[waiting[4].pk].state["queue_position"] is not None


def ask(handler: ThreadPoolHandler, url: str) -> int:
    async def one() -> int:
        scope = {
            "type": "http",
            "method": "GET",
            "path": url,
            "headers": [(b"host", b"localhost")],
            "query_string": b"",
        }
        link = ApplicationCommunicator(handler, scope)
        await link.send_input({"type": "http.request", "body": b""})
        status = (await link.receive_output(10))["status"]
        await link.receive_output(10)
        await link.wait(10)
        return int(status)

    return async_to_sync(one)()


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Around"] * 3)
def test_a_request_stays_in_one_thread_and_threads_are_few(db: None) -> None:
    handler, each = ThreadPoolHandler(2), []
    for _ in range(6):
        SEEN.clear()
        assert ask(handler, "/named/") == 200
        assert len(SEEN) == 4 and len(set(SEEN)) == 1
        each += SEEN
    assert len(set(each)) <= 2 and all(name.startswith("request") for name in each)


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
def test_a_fault_is_answered(db: None) -> None:
    assert ask(ThreadPoolHandler(1), "/broken/") == 500
