"""Who floods the queue waits for it; who comes after does not. The order of claims is simulated in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from challenges.kinds.base import Lane
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run
from tests import factories

FLOODERS, EACH = 50, 200


@pytest.mark.slow
def test_a_flood_of_ten_thousand_at_most_doubles_a_wait(sea_or_sky, ada):
    """Without the flood there are as many learners with one job each, and the wait is theirs and one's own."""
    version, until = sea_or_sky.version, timezone.now() + timedelta(days=1)
    users = factories.UserFactory.create_batch(FLOODERS)
    runs = Run.objects.bulk_create(
        Run(user=user, version=version, kind="prompt", payload=factories.PROMPT, expires_at=until)
        for user in users
        for _ in range(EACH)
    )
    # As `submit` and `start_run` do: the turn is the number of one's own that are open already.
    Evaluation.objects.bulk_create(
        Evaluation(run=run, lane=Lane.GRADE, fair_share_rank=number % EACH) for number, run in enumerate(runs)
    )
    mine = factories.submit(ada).current
    wait = 1
    while (claimed := services.claim("grade", worker="w", profile="cpu")).pk != mine.pk:
        assert claimed.run.user_id != ada.pk
        wait += 1
        assert wait <= 2 * (FLOODERS + 1)


def test_each_run_of_a_learner_waits_a_turn_longer(sea_or_sky, ada, bob):
    """So that somebody's sixth run stands behind everybody's first."""
    for _ in range(3):
        services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    last = services.start_run(bob, sea_or_sky.version, factories.PROMPT)
    claims = [services.claim("interactive", worker="w", profile="cpu") for _ in range(2)]
    assert claims[1].run == last
