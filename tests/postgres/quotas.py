"""A budget of a class while many hand in, end trainings and ask the judge at once; `test_suites.py` runs it."""

from __future__ import annotations

import pytest

from graders.base import Judged
from gradus.refusal import Refused
from gradus.reviews.judge_store import Store
from gradus.submissions import services
from gradus.submissions.budgets import quotas
from gradus.submissions.budgets.quotas import Wish, set_budgets
from gradus.submissions.models import Evaluation, Quota, QuotaHold, QuotaUse
from tests import factories
from tests.threads import THREADS, at_once

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_submissions_trainings_that_end_and_calls_at_once_never_overrun_a_budget(course):
    of_class, owner = factories.a_class(course), factories.UserFactory.create(is_staff=True)
    people = factories.UserFactory.create_batch(THREADS)
    for user in people:
        factories.member(of_class, user)
    ended = [factories.submit(user, "ticket", factories.LORA) for user in people[:2]]
    for one in ended:
        one.claimed = factories.claimed(one)
    answers = [factories.submit(user, "explain", factories.FREE_TEXT) for user in people]
    longest = quotas.training_seconds(ended[0])
    wishes = [Wish(Quota.What.TRAINING, 5 * longest + 59), Wish(Quota.What.CALLS, 7)]
    set_budgets(of_class, wishes, by=owner)

    def work(number: int) -> object:
        if number < 2:
            held = ended[number].claimed
            return services.record(held.pk, held.fence, services.Outcome(result={}, score=0.7)).state
        store = Store(answers[number - 2].current, Judged)
        asked = store.reserve(10)
        if asked and number % 2:
            store.settle(10, 5)
        try:
            return factories.submit(people[number], "ticket", factories.LORA).current.pk
        except Refused as refused:
            return refused.code

    results = at_once(work, THREADS)
    open_ones = Evaluation.objects.open().filter(lane="train").count()
    training, calls = (QuotaUse.objects.get(quota__what=what) for what in ("training", "calls"))
    assert results[:2] == ["scored", "scored"]
    assert set(results[2:]) - {"training_budget"} and open_ones == THREADS - 2 - results.count("training_budget") <= 5
    assert training.held == open_ones * longest and training.used <= 59
    assert calls.held == 2 * QuotaHold.objects.filter(use=calls).count() and calls.used + calls.held <= 7
