"""A class that has ended is still graded by its own dates: by the moment at which an attempt was submitted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from gradus.accounts.models import User
from gradus.classes import dates
from gradus.classes.models import Class, DateRule, Member
from gradus.courses.models import Challenge
from gradus.gradebook import cells
from gradus.gradebook.models import Cell
from gradus.refusal import Refused
from gradus.submissions import services
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DUE = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(("at", "credit"), [(DUE - timedelta(seconds=1), 1), (DUE, Decimal("0.5"))])
def test_a_regrade_after_the_end_counts_by_the_time_of_submitting(
    evening: Class, ann: Member, ada: User, sea_or_sky: Challenge, at: datetime, credit: Decimal
) -> None:
    DateRule.objects.create(of_class=evening, due_at=DUE, after=0.5)
    with time_machine.travel(at, tick=False):
        made = factories.submit(ada)
        factories.grade(made, 0.4)
    with time_machine.travel(DUE + 9 * DAY, tick=False):
        Class.objects.filter(pk=evening.pk).update(ends_at=DUE + 8 * DAY)
        again = services.regrade(made)
        claimed = services.claim(again.lane, worker="worker-1", profile="cpu/float32/1")
        assert claimed is not None and claimed.pk == again.pk
        outcome = services.Outcome(score=0.8, result=factories.result_for(made))
        services.record(claimed.pk, claimed.fence, outcome)
        cell = Cell.objects.get(member=ann, challenge=sea_or_sky)
        assert (cell.share, cell.raw_share, cell.credit) == (Decimal("0.8") * credit, Decimal("0.8"), credit)
        assert cells.differences(evening) == []
    made.refresh_from_db()
    assert (made.of_class, made.created_at) == (evening, at)


def test_an_extension_that_was_granted_afterwards_repairs_the_points(
    evening: Class, ann: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    DateRule.objects.create(of_class=evening, due_at=DUE)
    with time_machine.travel(DUE, tick=False):
        factories.grade(factories.submit(ada), 0.8)
        assert Cell.objects.get(member=ann, challenge=sea_or_sky).share == 0
        dates.extend(evening, [ann], by=teacher, until=DUE + DAY, reason="ill")
    assert Cell.objects.get(member=ann, challenge=sea_or_sky).share == Decimal("0.8")


def test_after_the_end_an_extension_still_repairs_and_opens_nothing(
    evening: Class, ann: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    DateRule.objects.create(of_class=evening, due_at=DUE, close_at=DUE + DAY)
    with time_machine.travel(DUE + DAY / 2, tick=False):
        factories.grade(factories.submit(ada), 0.8)
    ends_at = DUE + 8 * DAY
    Class.objects.filter(pk=evening.pk).update(ends_at=ends_at)
    with time_machine.travel(ends_at + DAY, tick=False):
        with pytest.raises(Refused) as refused:
            dates.extend(evening, [ann], by=teacher, until=ends_at + 2 * DAY, reason="ill")
        assert refused.value.problems[0]["field"] == "until"
        dates.extend(evening, [ann], by=teacher, until=DUE + DAY, reason="ill")
        assert Cell.objects.get(member=ann, challenge=sea_or_sky).share == Decimal("0.8")
        assert factories.submit(ada).of_class is None
