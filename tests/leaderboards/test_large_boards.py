"""The quick ranking against the slow one, which sorts everybody; counts that are shared; people who come and go."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.leaderboards import boards, ranking, tally
from gradus.submissions.models import Standing
from tests import factories

LEARNERS = 60


@pytest.fixture
def crowd(sea_or_sky: Challenge, ada: User) -> Challenge:
    """Many learners on few scores, so that most are tied; some are guests, left, or wait for a person."""
    made, draw, now = factories.submit(ada), random.Random(7), timezone.now()
    names = [f"crowd-{number}" for number in range(LEARNERS)]
    users = User.objects.bulk_create(
        User(username=name, pseudonym=name, is_guest=number % 9 == 1, is_active=number % 11 != 1)
        for number, name in enumerate(names)
    )
    Standing.objects.bulk_create(
        Standing(
            user=user,
            challenge=sea_or_sky,
            version=sea_or_sky.version,
            track="prompt",
            submission=made,
            shown=draw.choice([0.1, 0.3, 0.7, 0.9]),
            provisional=number % 13 == 2,
            ranked=number % 13 != 2 and user.is_active and not user.is_guest,
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
        assert Standing.objects.get().ranked is ranked
        assert boards.board(sea_or_sky, "prompt", None).total == ranked == len(oracle(sea_or_sky))


def test_a_guest_who_signs_up_takes_the_rank(sea_or_sky: Challenge, guest: User) -> None:
    factories.grade(factories.submit(guest), 0.8)
    assert boards.board(sea_or_sky, "prompt", None).total == 0
    guest.is_guest = False
    guest.save()
    assert boards.board(sea_or_sky, "prompt", None).total == 1


def test_a_provisional_score_has_no_rank_in_the_database(sea_or_sky: Challenge, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.8)
    with pytest.raises(IntegrityError, match="no_provisional_rank"), transaction.atomic():
        Standing.objects.update(provisional=True, gold=False)


def test_a_small_board_is_never_old(crowd: Challenge) -> None:
    before = boards.board(crowd, "prompt", None).total
    Standing.objects.filter(ranked=True)[:1].get().delete()
    assert boards.board(crowd, "prompt", None).total == before - 1


def test_a_large_board_is_counted_once(crowd: Challenge, monkeypatch, django_assert_max_num_queries) -> None:
    cache.clear()
    monkeypatch.setattr(tally, "LARGE", 10)
    first = tally.bands(crowd.version_id, "prompt")
    with django_assert_max_num_queries(0):
        assert tally.bands(crowd.version_id, "prompt") == first
    monkeypatch.setattr(tally.time, "time", lambda: timezone.now().timestamp() + tally.FRESH_SECONDS + 1)
    Standing.objects.filter(ranked=True)[:1].get().delete()
    assert sum(b.learners for b in tally.bands(crowd.version_id, "prompt")) == sum(b.learners for b in first) - 1
    cache.clear()


def test_a_count_that_took_long_holds_longer(crowd: Challenge, monkeypatch, django_assert_max_num_queries) -> None:
    """Here five seconds each, so that it may be 500 seconds old."""
    cache.clear()
    monkeypatch.setattr(tally, "LARGE", 10)
    clock, now = itertools.count(step=5), timezone.now().timestamp()
    monkeypatch.setattr(tally.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(tally.time, "time", lambda: now)
    first = tally.tally(crowd.version_id, "prompt")
    assert first.until is not None and first.until >= now + 5 / tally.COUNTING_SHARE
    for later, queries in ((first.until - 1, 0), (first.until + 1, 1)):
        monkeypatch.setattr(tally.time, "time", lambda later=later: later)
        with django_assert_max_num_queries(queries) as asked:
            assert tally.bands(crowd.version_id, "prompt") == list(first.bands)
        assert len(asked) == queries
    cache.clear()


def test_an_old_count_serves_while_another_counts(crowd: Challenge, monkeypatch, django_assert_max_num_queries) -> None:
    cache.clear()
    monkeypatch.setattr(tally, "LARGE", 10)
    first = tally.bands(crowd.version_id, "prompt")
    cache.add(f"tally-{crowd.version_id}-prompt-counting", 1, 60)
    monkeypatch.setattr(tally.time, "time", lambda: timezone.now().timestamp() + tally.FRESH_SECONDS + 1)
    with django_assert_max_num_queries(0):
        assert tally.bands(crowd.version_id, "prompt") == first
    cache.clear()


def test_a_board_asks_as_much_of_the_database_however_many_are_on_it(
    crowd: Challenge, ada_client, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(13):
        assert ada_client.get("/leaderboards/sea-or-sky/").status_code == 200
