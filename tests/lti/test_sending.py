"""A grade arrives once, whatever the network, the platform and the process that sends it do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from gradus import outgoing
from gradus.classes.models import Class, Member
from gradus.lti import released, sending
from gradus.lti.models import Delivery, LineItem, Platform
from gradus.outgoing import Unreachable
from gradus.submissions import failpoints
from tests.lti.gradebook import Gradebook, answer, grade, launched, lost, worked
from tests.lti.platform import Moodle


def test_a_lost_answer_has_the_same_body_sent_again(book: Gradebook, ada_there: Member) -> None:
    """The platform has kept the score, so it refuses the second; its results say that it is there."""
    grade(ada_there, 0.7)
    book.after = lost
    assert worked() == 0
    platform = Platform.objects.get()
    assert platform.rest_until is not None and "took too long" in platform.rest_fault
    book.after = lambda: None
    assert worked() == 0 and len(book.received) == 1
    assert worked(later=timedelta(minutes=5)) == 1
    assert book.received[0] == book.received[1]
    assert Delivery.objects.get().state == "delivered" and Platform.objects.get().rests == 0


def test_a_lost_request_has_the_same_body_sent_again(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    book.before = lost
    worked()
    book.before = lambda: None
    # Meanwhile the grade has changed: first what may be under way, and then that.
    grade(ada_there, 0.9)
    assert worked(later=timedelta(minutes=5)) == 1 and book.points() == 7.0
    assert book.received[0] == book.received[1]
    assert worked() == 1 and book.points() == 9.0


@pytest.mark.parametrize("point", failpoints.OF_SENDING)
def test_a_process_that_dies_at_any_step_loses_and_doubles_nothing(
    book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    class Died(BaseException):
        """Ends the process like kill -9: none of our code catches it."""

    def die(at: str) -> None:
        if at == point:
            raise Died

    grade(ada_there, 0.7)
    with monkeypatch.context() as patch:
        patch.setattr(failpoints, "reach", die)
        with pytest.raises(Died):
            worked()
    # Another process leaves it alone as long as the first may still be at it.
    assert worked() == (1 if point == "send.uncommitted" else 0)
    worked(later=sending.HELD)
    assert book.points() == 7.0 and Delivery.objects.get().state == "delivered"
    assert len({json.dumps(one) for one in book.received}) == 1


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [(429, 3600, 3600), (403, 0, 60), (500, 0, 60), (503, 10**6, 86_400), (401, 0, 60), (0, 0, 60), (302, 0, 60)],
)
def test_a_platform_that_has_enough_rests(
    book: Gradebook, ada_there: Member, status: int, retry_after: float, wait: int
) -> None:
    grade(ada_there, 0.7)

    def refuse() -> None:
        raise Unreachable("no", status=status, retry_after=retry_after)

    book.before = refuse
    began = timezone.now()
    worked()
    platform = Platform.objects.get()
    assert platform.rest_until is not None
    assert abs((platform.rest_until - began).total_seconds() - wait) < 20
    worked(later=timedelta(days=1))
    second = Platform.objects.get().rest_until
    assert second is not None and second - timezone.now() > timedelta(seconds=min(max(120, wait), 86_400) - 20)
    book.before = lambda: None
    assert worked(later=timedelta(days=2)) == 1 and book.points() == 7.0


def test_a_grade_that_finds_its_token_refused_takes_a_new_one(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    assert worked() == 1 and book.tokens == 1
    refusals = [Unreachable("no", status=401, is_certain=True)]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    book.before = refuse
    grade(ada_there, 0.9)
    assert worked() == 1 and book.points() == 9.0 and book.tokens == 2
    assert book.received[1] == book.received[2] and Platform.objects.get().rests == 0


def test_a_refused_grade_is_tried_again_less_and_less_often(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)

    def gone() -> None:
        raise Unreachable("The platform answered with the status 404.", status=404, is_certain=True)

    book.before = gone
    worked()
    row = Delivery.objects.get()
    assert (row.state, row.tries) == ("refused", 1) and "404" in row.fault and Platform.objects.get().rests == 0
    book.before = lambda: None
    assert worked(later=timedelta(minutes=2)) == 1 and book.points() == 7.0
    assert [sending.backoff(tries).total_seconds() / 60 for tries in (1, 2, 3, 50)] == [1, 2, 4, 1440]


def test_a_newer_timestamp_at_the_platform_is_overtaken(book: Gradebook, ada_there: Member) -> None:
    """Somebody has sent a later one there: results say another score, so ours is sent with a new timestamp."""
    later = (timezone.now() + timedelta(minutes=30)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    book.shown["ada-at-moodle"] = {"timestamp": later, "scoreGiven": 1.0, "scoreMaximum": 10.0}
    grade(ada_there, 0.7)
    worked()
    assert Delivery.objects.get().state == "refused"
    book.shown["ada-at-moodle"]["timestamp"] = "2020-01-01T00:00:00.000Z"
    assert worked(later=timedelta(minutes=2)) == 1 and book.points() == 7.0


@pytest.mark.parametrize("token", [None, [], {}, {"access_token": 7}, {"access_token": "a\nb"}, {"access_token": ""}])
def test_a_platform_that_gives_no_token_is_sent_nothing(
    book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    grade(ada_there, 0.7)
    monkeypatch.setattr(book, "_token", lambda form: answer(token))
    assert worked() == 0 and not book.received
    assert "gives this site no access" in Platform.objects.get().rest_fault


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({}, b'{"error": "no such user"}', "with an error"),
        ({}, b'{"errors": [{"message": "no"}]}', "with an error"),
        ({"Content-Type": "text/html; charset=utf-8"}, b"<p>Please log in.</p>", "a page for people"),
    ],
)
def test_an_error_with_a_status_of_success_is_no_arrival(
    book: Gradebook,
    ada_there: Member,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    body: bytes,
    said: str,
) -> None:
    """Unless the platform's results have the grade."""
    grade(ada_there, 0.7)
    kept, keep = book._score, book.shown.update
    wrong = outgoing.Answer(200, httpx.Headers(headers), body)
    monkeypatch.setattr(book, "_score", lambda _body: wrong)
    assert worked() == 0
    row = Delivery.objects.get()
    assert row.state == "refused" and said in row.fault
    monkeypatch.setattr(book, "_score", lambda body: keep({body["userId"]: body}) or wrong)
    assert worked(later=timedelta(minutes=2)) == 1 and book.points() == 7.0
    monkeypatch.setattr(book, "_score", kept)
    assert worked(later=timedelta(minutes=2)) == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b'{"error": null}', b"taken", b'{"resultUrl": "x"}'])
def test_whatever_else_a_platform_answers_is_an_arrival(body: bytes) -> None:
    assert sending.complaint_of(outgoing.Answer(200, httpx.Headers({}), body)) == ""


@pytest.mark.parametrize(("status", "state"), [(0, "waiting"), (503, "waiting"), (429, "waiting"), (403, "refused")])
def test_nothing_is_decided_before_the_results_are_read(
    book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch, status: int, state: str
) -> None:
    """A platform that never shows results is sent a new message instead."""
    grade(ada_there, 0.7)
    book.after = lost
    worked()
    book.after, read = (lambda: None), book._results

    def unread(address: str) -> outgoing.Answer:
        raise Unreachable("no", status=status)

    monkeypatch.setattr(book, "_results", unread)
    assert worked(later=timedelta(minutes=5)) == 0
    row = Delivery.objects.get()
    assert row.state == state and (row.body is None) == (state == "refused")
    monkeypatch.setattr(book, "_results", read)
    assert worked(later=timedelta(days=1)) == 1 and book.points() == 7.0


def test_a_result_with_400_digits_is_no_score_that_is_there(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    book.after = lost
    worked()
    book.shown["ada-at-moodle"] |= {"scoreGiven": 10**400}
    assert worked(later=timedelta(minutes=5)) == 0
    assert Delivery.objects.get().state == "refused"


def test_a_score_out_of_nothing_is_no_score_that_is_there(book: Gradebook, ada_there: Member) -> None:
    """Such as an earlier version has sent it, where a challenge was worth nothing."""
    grade(ada_there, 0.7)
    worked()
    Delivery.objects.update(state="waiting", due_at=timezone.now(), wanted={"given": "0.00", "maximum": "0.00"})

    def refuse() -> None:
        raise Unreachable("The platform answered with the status 400.", status=400, is_certain=True)

    book.before = refuse
    assert sending.carry_out() == 0 and Delivery.objects.get().state == "refused"


def test_a_grade_with_a_fault_delays_no_other(
    book: Gradebook, ada_there: Member, of_class: Class, moodle: Moodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(moodle, sub="bob-at-moodle")
    for member in of_class.members.all():
        grade(member, 0.7)
    body_of = sending.body_of

    def faulty(sub: str, *given: Any) -> dict[str, Any]:
        if sub == "ada-at-moodle":
            raise ZeroDivisionError
        return body_of(sub, *given)

    monkeypatch.setattr(sending, "body_of", faulty)
    # Even where the faulty one comes first and a round sends one grade.
    monkeypatch.setattr(sending, "OF_ONE", 1)
    assert [worked(), worked()] == [0, 1] and book.points("bob-at-moodle") == 7.0
    monkeypatch.setattr(sending, "body_of", body_of)
    assert worked() == 1 and book.points() == 7.0


def test_a_column_that_cannot_be_compared_delays_no_other(
    book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(ada_there, 0.7)
    (item,) = LineItem.objects.all()
    compare = released.compare

    def faulty(of: LineItem) -> int:
        if of.pk != item.pk:
            raise ZeroDivisionError
        return compare(of)

    LineItem.objects.create(context=item.context, challenge=item.challenge, url=f"{item.url}2", looked_at=None)
    monkeypatch.setattr(released, "compare", faulty)
    assert worked() == 1 and book.points() == 7.0


def test_the_database_keeps_what_may_have_arrived(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    book.after = lost
    worked()
    row = Delivery.objects.get()
    wrong = [
        lambda: Delivery.objects.update(stamp=row.stamp - 1),
        lambda: Delivery.objects.update(body={**(row.body or {}), "scoreGiven": 9.0}),
        lambda: Delivery.objects.update(stamp=row.stamp + 1),
        lambda: Delivery.objects.create(line_item=row.line_item, link=row.link, due_at=timezone.now()),
        lambda: Delivery.objects.update(state="delivered"),
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    Delivery.objects.update(body=None, sending=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(body=row.body, sending=row.sending)
