"""The form says that an earlier answer waits and asks for agreement; the list and the result say what became of it."""

from __future__ import annotations

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import Review
from gradus.reviews.services import latest
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot, Submission
from tests import factories
from tests.reviews import cases

PAGE = "/challenges/explain/"
FIRST = factories.FREE_TEXT["answer"]
SECOND = f"{FIRST} A look-up costs a search for each question."


def form(answer: str = SECOND, **changes: str) -> dict[str, str]:
    return {"kind": "free_text", "key": "key-1", "answer": answer, **changes}


def test_nothing_is_asked_at_the_first_attempt(ada_client: Client, explain: Challenge) -> None:
    assert "withdraw_earlier" not in ada_client.get(PAGE).content.decode()
    assert ada_client.post(f"{PAGE}submit", form()).status_code == 302


def test_the_form_says_which_attempt_waits_and_asks(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    page = ada_client.get(PAGE).content.decode()
    assert "waits for a person, since" in page and "you get the attempt back" in page
    assert 'name="withdraw_earlier"' in page


def test_a_form_without_the_tick_comes_back_as_it_was_typed(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    answer = ada_client.post(f"{PAGE}submit", form())
    assert answer.status_code == 422
    assert SECOND in answer.content.decode()
    beside = answer.content.decode().partition('id="withdraw_earlier-problem"')[2].partition('<div id="problems"')[0]
    assert "Tick this box if you agree" in beside
    assert Submission.objects.count() == 1


def test_with_the_tick_it_is_submitted(ada: User, ada_client: Client, explain: Challenge) -> None:
    earlier = cases.waiting(ada)
    assert ada_client.post(f"{PAGE}submit", form(withdraw_earlier="on")).status_code == 302
    later = Submission.objects.latest("pk")
    assert later.withdraws_earlier and Review.objects.waiting().get() == earlier
    factories.grade(later, 0.2, result=cases.result(), provisional=True)

    assert "Withdrawn: you handed in a later attempt" in ada_client.get(PAGE).content.decode()
    shown = ada_client.get(f"/submissions/{earlier.submission.uuid}/").content.decode()
    assert "This attempt was given back" in shown and "What you handed in" in shown


def test_another_problem_keeps_the_tick(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    answer = ada_client.post(f"{PAGE}submit", form(answer="", withdraw_earlier="on"))
    assert answer.status_code == 422
    assert "checked" in answer.content.decode().partition('name="withdraw_earlier"')[2].partition(">")[0]


def test_it_says_if_no_more_attempts_are_given_back(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    limit = limits.CANCELLED_WAITING
    period = limit.current_period(limits.Use(user=ada, challenge=explain))
    for number, user in enumerate(factories.UserFactory.create_batch(10), 1):
        # Of whom the attempts were makes no difference to their number.
        values = {"user": ada, "period": period, "number": number, "allowed": 10}
        Slot.objects.create(limit=limit.name, submission=factories.submit(user), **values)
    assert "it still counts" in ada_client.get(PAGE).content.decode()


def test_the_same_text_needs_no_tick(ada: User, ada_client: Client, explain: Challenge) -> None:
    first = cases.waiting(ada).submission
    assert ada_client.post(f"{PAGE}submit", form(answer=f"{FIRST}\n")).status_code == 302
    later = Submission.objects.latest("pk")
    factories.grade(later, 0.2, result=cases.result(), provisional=True)
    shown = ada_client.get(f"/submissions/{first.uuid}/").content.decode()
    assert "gets the same grade as your later attempt" in shown


def test_a_course_that_lets_all_wait_asks_nothing(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    Course.objects.update(all_attempts_wait=True)
    assert "withdraw_earlier" not in ada_client.get(PAGE).content.decode()
    assert ada_client.post(f"{PAGE}submit", form()).status_code == 302


def test_a_run_is_not_concerned(ada: User, ada_client: Client, explain: Challenge) -> None:
    cases.waiting(ada)
    assert ada_client.post(f"{PAGE}run", form()).status_code == 302


def test_the_form_says_of_each_attempt_whether_it_is_given_back(
    ada: User, ada_client: Client, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        payload = {"kind": "free_text", "answer": f"{FIRST} Number {number}."}
        services.submit(ada, explain, payload, idempotency_key=str(number), withdraw_earlier=True)
    monkeypatch.setattr(latest.slots, "left", lambda limit, use: 1)
    page = ada_client.get(PAGE).content.decode()
    assert page.count("If it is withdrawn, you get the attempt back.") == 1
    assert page.count("If it is withdrawn, it still counts") == 1
