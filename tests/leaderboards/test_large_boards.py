"""The quick ranking against the slow one, which sorts everybody; people who come and go."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses.models import Challenge, Course
from gradus.leaderboards import boards, ranking
from gradus.submissions.models import Standing
from tests import factories

LEARNERS = 60


@pytest.fixture
def crowd(sea_or_sky: Challenge, ada: User) -> Challenge:
    """Many people on few scores, so that most are tied; some are guests, left, or wait for a person, or have a role."""
    made, draw, now = factories.submit(ada), random.Random(7), timezone.now()
    names = [f"crowd-{number}" for number in range(LEARNERS)]
    users = User.objects.bulk_create(
        User(
            username=name,
            pseudonym=name,
            is_guest=number % 9 == 1,
            is_active=number % 11 != 1,
            is_staff=number % 9 == 5,
        )
        for number, name in enumerate(names)
    )
    elsewhere = Course.objects.create(slug="other", title="Other", digest="x")
    for number, user in enumerate(users):
        if number % 7 < len(Content.values):
            factories.enrol(user, sea_or_sky.course, Scope(list(Content)[number % 7]))
        factories.enrol(user, elsewhere, Scope(Content.OWNER))
    Standing.objects.bulk_create(
        Standing(
            user=user,
            challenge=sea_or_sky,
            version=sea_or_sky.version,
            track="prompt",
            submission=made,
            shown=draw.choice([0.1, 0.3, 0.7, 0.9]),
            provisional=number % 13 == 2,
            reached_at=now + timedelta(seconds=draw.randrange(3)),
        )
        for number, user in enumerate(users)
    )
    return sea_or_sky


def oracle(challenge: Challenge) -> list[tuple[int, int, float, int]]:
    """Everybody, by a full sort of what people and standings say themselves."""
    people = [
        standing
        for standing in Standing.objects.filter(challenge=challenge, track="prompt").select_related("user")
        if standing.user.is_active and not standing.user.is_guest and not standing.provisional
        if not roles.may(standing.user, challenge.course, roles.EDITS)
    ]
    people.sort(key=lambda one: (-one.shown, one.reached_at, one.pk))
    scores = [one.shown for one in people]
    return [(one.pk, 1 + sum(s > one.shown for s in scores), one.shown, scores.count(one.shown)) for one in people]


@pytest.mark.parametrize("rows", [1, 7, 50, 1000])
def test_every_page_is_what_a_full_sort_says(crowd: Challenge, rows: int) -> None:
    running, found = ranking.RunningRanking(crowd, "prompt"), []
    for start in range(0, running.total, rows):
        found += [(p.pk, p.rank, p.score, p.tied) for p, _ in running.slice(start, rows)]
    assert found == oracle(crowd) == [(p.pk, p.rank, p.score, p.tied) for p in ranking.places(crowd, "prompt")]
    assert running.slice(running.total, rows) == []


def test_everybody_s_own_place_is_what_a_full_sort_says(crowd: Challenge) -> None:
    ranks = {pk: rank for pk, rank, _, _ in oracle(crowd)}
    for standing in Standing.objects.filter(challenge=crowd).select_related("user"):
        mine = boards.board(crowd, "prompt", standing.user).mine
        assert mine is not None and mine.rank == ranks.get(standing.pk)


@pytest.mark.parametrize(
    ("change", "back"),
    [({"is_active": False}, {"is_active": True}), ({"is_guest": True, "email": ""}, {"is_guest": False})],
)
def test_a_rank_goes_and_comes_with_its_person(
    sea_or_sky: Challenge, ada: User, change: dict[str, Any], back: dict[str, Any]
) -> None:
    """Also where no code of ours looks: the database follows the person."""
    factories.grade(factories.submit(ada), 0.8)
    for values, ranked in ((change, False), (back, True)):
        User.objects.filter(pk=ada.pk).update(**values)
        assert Standing.objects.ranked(sea_or_sky.course).exists() is ranked
        assert boards.board(sea_or_sky, "prompt", None).total == ranked == len(oracle(sea_or_sky))


def test_a_board_asks_as_much_of_the_database_however_many_are_on_it(
    crowd: Challenge, ada_client, django_assert_max_num_queries
) -> None:
    # One for each of the two tracks finds the best entry of each approach.
    with django_assert_max_num_queries(16):
        assert ada_client.get("/leaderboards/sea-or-sky/").status_code == 200
