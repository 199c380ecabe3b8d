"""What a stated certainty means for a question: known from forty decided answers, rising, and not better than it is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.isotonic import IsotonicRegression

from gradus.accounts.models import User
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.reviews import accuracy, certainty, services
from gradus.reviews.certainty import KNOWN_FROM, NEWEST, measured
from gradus.reviews.models import Appeal, Review
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, history

SURE = [(0.9, True)]
OVERSTATED = [(0.95, n % 100 < 73) for n in range(100)]


def drawn(seed: int, count: int) -> Iterator[tuple[float, bool]]:
    """Answers of a machine whose certainty is right on average."""
    rng = random.Random(seed)
    for _ in range(count):
        stated = round(rng.uniform(0.3, 1), 2)
        yield stated, rng.random() < stated


def test_it_is_not_known_before_forty_answers() -> None:
    found = measured(SURE * (KNOWN_FROM - 1))
    assert (found.decided, found.known, found.around(0.9), found.bulk) == (39, False, None, None)
    assert found.in_words(0.9) == "not known yet (39 of 40 answers decided)"
    assert measured([]).in_words(0.9) == "not known yet (0 of 40 answers decided)"
    assert measured(SURE * KNOWN_FROM).known


def test_it_says_what_was_right_and_not_what_was_stated() -> None:
    found = measured(OVERSTATED)
    step = found.around(0.95)
    assert step is not None and (step.right, step.answers, step.share) == (73, 100, 0.73)
    assert found.in_words(0.95) == "73 % (right in 73 of 100 answers about which it was about as sure)"
    assert found.in_words(None).startswith("not known") and found.bulk is None


def test_it_opens_for_few_that_are_wrong_too_often() -> None:
    """A simulated machine states 0.5 to 1.0, whatever the answer, and is right in 73, 85 or 97 %.

    85 % is the bound itself. The more answers there are, the more certainties are tried as the lowest one.
    """
    rng = random.Random(5)

    def opens(right: float, count: int) -> bool:
        return measured([(rng.uniform(0.5, 1), rng.random() < right) for _ in range(count)]).bulk is not None

    def opened(right: float, count: int) -> float:
        return sum(opens(right, count) for _ in range(400)) / 400

    for count in (40, 80, 200):
        assert opened(0.73, count) <= 0.01
        assert opened(0.85, count) <= 0.10
    assert opened(0.97, 200) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_rise_and_are_those_of_an_isotonic_regression(seed: int) -> None:
    rows = sorted(drawn(seed, 150))
    found = measured(rows)
    shares = [step.share for step in found.steps]
    assert shares == sorted(set(shares)) and sum(step.answers for step in found.steps) == 150
    assert all(step.answers >= certainty.GROUP for step in found.steps)
    groups = certainty._groups(rows)
    stated, weights = [group.stated for group in groups], [group.answers for group in groups]
    fitted = IsotonicRegression().fit(stated, [group.share for group in groups], weights).predict(stated)
    for group, share in zip(groups, fitted, strict=True):
        step = found.around(group.stated)
        assert step is not None and step.share == pytest.approx(share)


def test_answers_of_one_certainty_stay_together() -> None:
    found = measured([(0.2, False)] * 25 + [(0.8, True)] * 12 + [(0.9, True)] * 13)
    assert [(step.stated, step.answers, step.right) for step in found.steps] == [(0.2, 25, 0), (0.8, 25, 25)]


def test_bulk_begins_where_enough_were_right_by_themselves() -> None:
    found = measured([(0.4, n % 2 == 0) for n in range(20)] + [(0.8, True)] * 30)
    assert found.bulk is not None and (found.bulk.stated, found.bulk.answers) == (0.8, 30)
    assert found.bulk.low == pytest.approx(accuracy.wilson(30, 30)[0]) and found.bulk.low >= certainty.BULK_LOW
    assert [found.allows_bulk(stated) for stated in (None, 0.4, 0.79, 0.8, 1.0)] == [False, False, False, True, True]
    few = [(0.3, False)] * 20
    assert measured([*few, *[(0.9, True)] * 20]).bulk is None
    assert measured([*few, *[(0.9, True)] * 22]).bulk is not None
    # From 0.5 on, 105 of 110 were right, but at 0.5 itself only one half.
    found = measured([(0.5, n % 2 == 0) for n in range(10)] + [(0.9, True)] * 100)
    assert found.bulk is not None and found.bulk.stated == 0.9


def test_decided_answers_are_what_it_is_measured_on(explain: Challenge, grace: User, ada: User) -> None:
    history(grace, [(0.9, True)] * 38 + [(0.9, False)] * 2)
    history(grace, [(0.9, True)] * 3, judge="judge-1")
    found = certainty.by_judge(explain)
    assert (found[""].decided, found["judge-1"].decided) == (40, 3)
    step = found[""].around(0.9)
    assert step is not None and (step.right, step.answers) == (38, 40)
    assert certainty.of(explain, "judge-2") == certainty.Certainty(0)
    review = cases.waiting(ada, notes={"certainty": 0.7})
    services.decide(review, by=grace, marks=MARKS, reason="")
    assert review.certainty == 0.7 and certainty.of(explain, "").decided == 41


@pytest.mark.parametrize("change", ["audit", "bulk", "no certainty", "appeal", "waiting", "equal text", "rubric"])
def test_what_would_mislead_does_not_count(explain: Challenge, grace: User, change: str) -> None:
    made = history(grace, SURE * 5)
    changes: dict[str, dict[str, Any]] = {
        "audit": {"kind": "audit", "blind_marks": MARKS, "blind_by": grace, "blind_at": made[0].decided_at},
        "bulk": {"in_bulk": True},
        "no certainty": {"certainty": None},
        "waiting": {"decided_at": None, "decided_by": None},
    }
    (one,) = history(grace, SURE, **changes.get(change, {}))
    if change == "appeal":
        closed = {"stage": "closed", "outcome": "kept", "closed_at": one.decided_at}
        Appeal.objects.create(submission=one.submission, evaluation=one.evaluation, text="No.", **closed)
    elif change == "equal text":
        type(one.submission).objects.filter(pk=one.submission_id).update(text_digest=made[0].submission.text_digest)
    elif change == "rubric":
        before = explain.version
        assert before is not None
        spec = {**before.spec, "rubric": [{**line, "text": "Other."} for line in before.spec["rubric"]]}
        values = {"version": "other", "digest": "f" * 64, "spec": spec}
        other = ChallengeVersion.objects.create(**{**_values(before), **values})
        type(one.submission).objects.filter(pk=one.submission_id).update(version=other)
    assert certainty.of(explain, "").decided == 5


def _values(version: ChallengeVersion) -> dict[str, object]:
    return {field.attname: getattr(version, field.attname) for field in version._meta.fields if not field.primary_key}


def test_marks_given_blind_count_before_those_of_the_decision(explain: Challenge, grace: User) -> None:
    made = history(grace, SURE)
    history(grace, SURE, blind=True, blind_marks=ALL_MET, blind_by=grace, blind_at=made[0].decided_at)
    results = [certainty._result(pair) for pair in accuracy.decided_pairs(Review.objects.order_by("pk"))]
    assert results == [(0.9, True), (0.9, False)]


def test_only_the_newest_decisions_count(explain: Challenge, grace: User) -> None:
    history(grace, [(0.9, False)] * 3)
    history(grace, SURE * NEWEST)
    step = certainty.of(explain, "").around(0.9)
    assert step is not None and (step.right, step.answers) == (NEWEST, NEWEST)
