"""The log of judge calls: the database keeps each as it was, for as long as the grade that it was made for is there."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews.judge_store import Store
from gradus.reviews.models import JudgeCall
from gradus.submissions.models import Evaluation
from tests import factories
from tests.reviews.test_judging import RECORD


@pytest.fixture
def call(ada: User, explain: Challenge) -> JudgeCall:
    store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
    return JudgeCall.objects.get(pk=store.log(RECORD))


@pytest.mark.parametrize("change", [{"response": "{}"}, {"cost_micros": 0}, {"problem": "x"}, {"evaluation": None}])
def test_a_logged_call_is_never_changed(call: JudgeCall, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        JudgeCall.objects.filter(pk=call.pk).update(**change)
    kept = JudgeCall.objects.get()
    assert (kept.response, kept.problem, kept.evaluation) == (RECORD.response, "", call.evaluation)


def test_nor_removed_while_its_evaluation_is_there(call: JudgeCall) -> None:
    with pytest.raises(DatabaseError, match="stays with its evaluation"), transaction.atomic():
        call.delete()
    refused = pytest.raises(DatabaseError, match="stays with its evaluation")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM reviews_judgecall")
    assert JudgeCall.objects.count() == 1


def test_it_goes_with_the_account_whose_answer_it_holds(call: JudgeCall, ada: User, bob: User) -> None:
    other = Store(factories.submit(bob, "explain", factories.FREE_TEXT).current, Judged)
    stays = other.log(RECORD)
    with transaction.atomic():
        ada.delete()
    assert not Evaluation.objects.filter(pk=call.evaluation_id).exists()
    assert list(JudgeCall.objects.values_list("pk", flat=True)) == [stays]
    connection.check_constraints()
