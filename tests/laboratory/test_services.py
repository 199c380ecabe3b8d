"""Contributions and predictions: what the services do, and what the database refuses whoever asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError
from django.utils import timezone

from gradus.courses.models import Lesson
from gradus.laboratory import services
from gradus.laboratory.models import SURE, Contribution, Prediction
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Slot
from gradus.submissions.services import Refused

SCORES = {"sea-or-sky": {"few": {"score": 0.75}}}


@pytest.fixture
def lesson(course):
    return Lesson.objects.get()


def begin(user, lesson, content="a" * 64) -> Contribution:
    return services.begin(user, lesson, "few-shot", content, 5)


def test_a_set_is_drawn_above_the_authors_and_begun_once(ada, bob, lesson):
    mine, theirs = begin(ada, lesson), begin(bob, lesson)
    assert 5 < mine.number <= services.HIGHEST and mine.number != theirs.number
    assert (mine.slot.number, mine.slot.allowed, mine.scores, mine.counted_at) == (1, 10, None, None)
    assert begin(ada, lesson) == mine and Contribution.objects.count() == 2


def test_a_number_that_somebody_has_is_drawn_again(ada, bob, lesson, monkeypatch):
    drawn = iter([3, 3, 7])
    monkeypatch.setattr(services.secrets, "randbelow", lambda _: next(drawn))
    assert [begin(ada, lesson).number, begin(bob, lesson).number] == [9, 13]


def test_ten_sets_of_a_finding_a_day(ada, bob, lesson):
    for _ in range(10):
        services.count(begin(ada, lesson), SCORES)
    with pytest.raises(Refused) as refused:
        begin(ada, lesson)
    assert (refused.value.status, refused.value.code) == (429, "too_many_sets") and refused.value.retry_after > 0
    # A dot that was taken back does not give the set back.
    services.withdraw(ada, Contribution.objects.first().pk)
    with pytest.raises(Refused):
        begin(ada, lesson)
    assert begin(bob, lesson) and services.begin(ada, lesson, "order", "a" * 64, 5)
    Slot.objects.of(limits.SETS).filter(user=ada).update(period=str(timezone.now().date() - timedelta(days=2)))
    assert begin(ada, lesson).slot.number == 1


def test_a_set_counts_once_and_is_taken_back_once(ada, bob, lesson):
    one = begin(ada, lesson)
    assert services.withdraw(ada, one.pk) is None, "what is no dot yet cannot be taken back"
    assert services.count(one, SCORES) and not services.count(one, {"sea-or-sky": {"few": {"score": 1.0}}})
    assert Contribution.objects.counted().get().scores == SCORES
    assert services.withdraw(bob, one.pk) is None and Contribution.objects.counted().exists()
    taken = services.withdraw(ada, one.pk)
    assert (taken.scores, taken.slot.number) == (None, 1) and taken.withdrawn_at
    assert not Contribution.objects.counted().exists()
    assert services.withdraw(ada, one.pk).withdrawn_at == taken.withdrawn_at
    assert not services.count(one, SCORES)


def test_deleting_the_account_deletes_its_dots(ada, lesson):
    one = begin(ada, lesson)
    services.predict(one, "few", 0.7)
    services.count(one, SCORES)
    ada.delete()
    assert not Contribution.objects.exists() and not Prediction.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"slot": None},
        {"scores": SCORES},
        {"counted_at": timezone.now()},
        {"withdrawn_at": timezone.now()},
        {"counted_at": timezone.now(), "scores": SCORES, "withdrawn_at": timezone.now()},
    ],
)
def test_the_database_holds_what_a_contribution_is(ada, lesson, wrong):
    one = begin(ada, lesson)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contribution.objects.filter(pk=one.pk).update(**wrong)


@pytest.mark.parametrize("same", ["number", "slot", "begun"])
def test_the_database_holds_one_of_each(ada, bob, lesson, same):
    one, now = begin(ada, lesson), timezone.now()
    values = {name: getattr(one, name) for name in ("user", "lesson", "finding", "content")}
    slot = slots.take(limits.SETS, Use(user=ada, lesson=lesson, finding="few-shot"))
    free = {"number": one.number + 1, "slot": slot, "counted_at": now, "scores": SCORES}
    taken = {
        "number": {"user": bob, "number": one.number},
        "slot": {"slot": one.slot},
        "begun": {"counted_at": None, "scores": None},
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Contribution.objects.create(**{**values, **free, **taken[same]})
    Contribution.objects.create(**{**values, **free})


@pytest.mark.parametrize("number", [0, 1, 11])
def test_the_database_keeps_the_sets_of_a_day(ada, lesson, number):
    first = begin(ada, lesson)
    services.count(first, SCORES)
    second = begin(ada, lesson)
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.filter(pk=second.slot.pk).update(number=number)
    with pytest.raises(RestrictedError):
        first.slot.delete()


def test_a_prediction_is_settled_once_and_never_changes(ada, lesson):
    one = begin(ada, lesson)
    said = services.predict(one, "few", 0.7)
    assert said.brier is None
    services.settle(one, {"few": 1.0, "zero": 0.0})
    services.settle(one, {"few": 0.0, "zero": 1.0})
    said.refresh_from_db()
    assert said.outcome == 1.0 and said.brier == pytest.approx(0.09) and said.settled_at
    assert list(Prediction.objects.settled_of(ada)) == [said]
    for change in ({"outcome": 0.5}, {"arm": "zero"}, {"probability": 0.99}, {"outcome": None, "settled_at": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Prediction.objects.filter(pk=said.pk).update(**change)


@pytest.mark.parametrize("change", [{"arm": "zero"}, {"probability": 0.99}, {"outcome": 1.0}, {"outcome": 0.3}])
def test_before_it_is_settled_only_the_outcome_may_come(ada, lesson, change):
    said = services.predict(begin(ada, lesson), "few", 0.7)
    with pytest.raises(IntegrityError), transaction.atomic():
        Prediction.objects.filter(pk=said.pk).update(**change)


def test_a_second_prediction_of_a_set_or_another_probability_is_refused(ada, lesson):
    one = begin(ada, lesson)
    with pytest.raises(Refused) as refused:
        services.predict(one, "few", 0.75)
    assert refused.value.problems[0]["field"] == "probability" and "50, 60, 70, 80, 90, 99 %" in str(refused.value)
    services.predict(one, "few", SURE[-1])
    with pytest.raises(IntegrityError), transaction.atomic():
        services.predict(one, "zero", 0.5)
