"""What a course and a class have used, what limits them, and who may read it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts.token_rules import LearnerData, Scope
from gradus.courses import days
from gradus.reviews.models import Budget, JudgeCall
from gradus.submissions.models import Evaluation, Quota, Submission
from gradus.teach import usage
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup


@pytest.fixture
def used(ada, bob, course):
    """Ada learns in a class and has trained; Bob learns by himself and was judged."""
    of_class = factories.a_class(course)
    factories.member(of_class, ada, first_name="Ada", last_name="Byron")
    for days_ago in (0, 2):
        made = factories.submit(ada, "ticket", factories.LORA)
        factories.grade(made)
        begun = timezone.now() - timedelta(days=days_ago)
        Evaluation.objects.filter(submission=made).update(started_at=begun, finished_at=begun + timedelta(minutes=3))
        Submission.objects.filter(pk=made.pk).update(created_at=begun)
    answer = factories.submit(bob, "explain", factories.FREE_TEXT)
    factories.grade(answer, 0.6, provisional=True, review=("no-calibration",))
    for cost, currency in ((250_000, "EUR"), (500_000, "USD"), (None, "")):
        JudgeCall.objects.create(
            evaluation=answer.current_for_staff, key="k", template="t", model="m", rung="schema", request={},
            prompt_tokens=90, completion_tokens=10, cost_micros=cost, currency=currency,
        )  # fmt: skip
    return of_class


def test_attempts_training_calls_and_money_are_what_the_rows_say(ada, bob, course, used):
    uses = usage.by(usage.measured(usage.Scope(course)), "user")
    trained, judged = uses[ada.pk], uses[bob.pk]
    assert (trained.today, trained.attempts, trained.trainings, trained.minutes) == (1, 2, 2, pytest.approx(6))
    assert (trained.calls, trained.money, trained.unpriced) == (0, [], 0)
    assert (judged.today, judged.attempts, judged.trainings) == (1, 1, 0)
    assert (judged.calls, judged.tokens, judged.unpriced) == (3, 300, 1)
    assert judged.money == [("EUR", 0.25), ("USD", 0.5)]
    by_class = usage.by(usage.measured(usage.Scope(course)), "of_class")
    assert (by_class[used.pk].attempts, by_class[used.pk].people, by_class[None].calls) == (2, 1, 3)
    of_class = usage.by(usage.measured(usage.Scope(course, used)), "user")
    assert list(of_class) == [ada.pk]


def test_limits_say_what_is_left_and_who_has_used_all(ada, bob, course, used):
    explain = factories.challenge("explain")
    today = days.today(course.timezone)
    Budget.objects.create(
        scope="challenge:explain", day=today, spent=400, allowed=1000, spent_micros=250_000, allowed_micros=2_000_000
    )
    found = {one.challenge.slug: one for one in usage.of_challenges(usage.Scope(course))}
    assert (found["explain"].tokens, found["explain"].tokens_left) == ((400, 1000), 600)
    assert (found["explain"].money, found["explain"].money_left) == ((0.25, 2.0), 1.75)
    assert found["ticket"].tokens is None and found["ticket"].at_limit == 0
    allowed = explain.spec.limits.attempts_per_day
    assert found["explain"].attempts_a_day == allowed
    for _ in range(allowed - 1):
        made = factories.submit(bob, "explain", factories.FREE_TEXT)
        factories.grade(made, 0.6, provisional=True, review=("no-calibration",))
    found = {one.challenge.slug: one for one in usage.of_challenges(usage.Scope(course))}
    assert found["explain"].at_limit == 1


def test_the_pages_and_files_are_for_people_who_decide(ada, bob, course, used, grace_client):
    addresses = [f"/teach/courses/{course.slug}/use", f"/teach/classes/{used.pk}/use"]
    teacher, viewer = factories.UserFactory.create(), factories.UserFactory.create()
    factories.enrol(teacher, course, factories.TEACHER)
    factories.enrol(viewer, course, Scope(learner_data=LearnerData.VIEWER))
    for address in addresses:
        for end, kind in (("/", "text/html"), (".csv", "text/csv")):
            for client in (logged_in(teacher), grace_client):
                answer = client.get(address + end)
                assert answer.status_code == 200 and answer["Content-Type"].startswith(kind)
            assert logged_in(viewer).get(address + end).status_code == 403
            assert logged_in(ada).get(address + end).status_code == 404
    page = Markup(grace_client.get(addresses[0] + "/").content.decode())
    assert "builder" in page and "0.2500 EUR, 0.5000 USD" in page and "1 call of unknown cost" in page
    page = Markup(grace_client.get(addresses[1] + "/").content.decode())
    assert "Ada Byron" in page and "builder" not in page
    rows = list(csv.DictReader(io.StringIO(grace_client.get(addresses[0] + ".csv").content.decode())))
    assert rows[0]["name"] == "enchantress" and rows[0]["training_minutes"] == "6.0"
    assert (rows[1]["judge_cost_eur"], rows[1]["judge_calls_without_price"]) == ("0.25", "1")


def test_a_name_is_no_formula_in_the_file(ada, course, used, grace_client):
    used.members.update(first_name="=1+1", last_name="")
    text = grace_client.get(f"/teach/classes/{used.pk}/use.csv").content.decode()
    assert "'=1+1," in text


def test_more_people_need_no_more_queries(course, used, grace_client):
    counts = []
    for _ in range(2):
        for _ in range(3):
            factories.submit(factories.UserFactory.create())
        with CaptureQueriesContext(connection) as queries:
            assert grace_client.get(f"/teach/courses/{course.slug}/use/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


def test_an_owner_sets_budgets_on_the_page(ada, course, used, grace_client):
    teacher = factories.UserFactory.create()
    factories.enrol(teacher, course, factories.TEACHER)
    address = f"/teach/classes/{used.pk}/use/"
    sent = {"seen": "", "attempts": "2", "training": "20", "training_period": "whole", "calls": "", "money": "1.5"}
    assert "Save the budgets" not in logged_in(teacher).get(address).content.decode()
    assert logged_in(teacher).post(address, sent).status_code == 403 and not Quota.objects.exists()
    wrong = grace_client.post(address, {**sent, "training": "-1"})
    page = Markup(wrong.content.decode())
    assert wrong.status_code == 422 and "greater than or equal to 0" in page and not Quota.objects.exists()
    assert grace_client.post(address, sent).status_code == 302
    kept = [(one.what, one.allowed, one.period) for one in Quota.objects.in_force()]
    assert kept == [("attempts", 2, "day"), ("training", 1200, "whole"), ("money", 1_500_000, "day")]
    stale = grace_client.post(address, {**sent, "attempts": "9"})
    assert stale.status_code == 422 and "Somebody else changed a budget" in Markup(stale.content.decode())
    page = Markup(grace_client.get(address).content.decode())
    assert "20 minutes in all" in page and "6 minutes used (30 %), 14 minutes left" in page
    learner = logged_in(ada)
    assert ">0 of 2<" in Markup(learner.get("/challenges/sea-or-sky/").content.decode())
    said = Markup(learner.get("/challenges/ticket/").content.decode())
    assert "Training time of your class “Evening group”: 14 of 20 minutes are left. It does not begin anew" in said
    Quota.objects.filter(what="money").update(ended_at=timezone.now())
    Quota.objects.create(course=course, what="calls", period="whole", allowed=1)
    said = Markup(learner.get("/challenges/explain/").content.decode())
    assert "The budget for the judge is used up, so a person grades your answer. It does not begin anew" in said
