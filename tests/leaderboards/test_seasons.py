"""Seasons on pages and by the API: who begins one, and how earlier ones stay readable."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.leaderboards import ranking
from gradus.refusal import Refused
from gradus.submissions.models import Mark, Season, Submission
from gradus.submissions.results import board_decisions as services
from tests import factories

BOARD, DESK = "/leaderboards/sea-or-sky/", "/teach/boards/sea-or-sky/"
API = "/api/v1/challenges/sea-or-sky/leaderboard"


def graded(user: User, score: float) -> Submission:
    made = factories.submit(user)
    factories.grade(made, score, private_score=0.1)
    return made


def pseudonyms(challenge: Challenge, season: int | None = None) -> list[str]:
    placed = ranking.ranking(challenge, "prompt", season=season).slice(0, 50)
    return [standing.user.pseudonym for _place, standing in placed]


def test_a_season_begins_by_the_desk_and_the_earlier_one_stays_readable(
    client: Client, sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.9)
    client.force_login(ada)
    assert client.post(DESK, {"title": "Mine", "ends": "0"}).status_code == 404 and not Season.objects.exists()
    client.force_login(teacher)
    answer = client.post(DESK, {"title": "", "ends": "0"})
    assert answer.status_code == 422 and "Write a title." in answer.content.decode()
    assert client.post(DESK, {"title": "Spring 2027", "ends": "0"}, follow=True).status_code == 200
    # Somebody whose page still shows the season before begins no other one.
    client.post(DESK, {"title": "Autumn", "ends": "0"})
    assert [one.title for one in Season.objects.all()] == ["Spring 2027"]
    graded(bob, 0.7)
    client.force_login(ada)
    now, before = client.get(BOARD), client.get(BOARD, {"season": "0"})
    assert bob.pseudonym in now.content.decode() and "has run since" in now.content.decode()
    assert ada.pseudonym in before.content.decode() and bob.pseudonym not in before.content.decode()
    assert "They are final" in before.content.decode()
    assert client.get(BOARD, {"season": "2"}).status_code == 404
    assert client.get(BOARD, {"season": "x"}).status_code == 404
    assert client.get(BOARD, {"season": "1"}).context["season"].ended_at is None


def test_hidden_entries_stay_hidden_in_earlier_seasons(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.9)
    graded(bob, 0.7)
    services.begin_season(sea_or_sky, "Spring", by=teacher)
    services.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=teacher, reason="Copied")
    assert pseudonyms(sea_or_sky) == []
    assert pseudonyms(sea_or_sky, 0) == [bob.pseudonym]


def test_a_freeze_leaves_the_ranks_of_earlier_seasons(
    client: Client, sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.9)
    services.begin_season(sea_or_sky, "Spring", by=teacher)
    graded(bob, 0.7)
    Course.objects.update(frozen_at=timezone.now())
    frozen = factories.challenge("sea-or-sky")
    placed = ranking.ranking(frozen, "prompt", season=0).slice(0, 50)
    assert [(place.score, standing.user) for place, standing in placed] == [(0.9, ada)]
    with pytest.raises(Refused, match="final"):
        services.begin_season(frozen, "Summer", by=teacher)
    assert client.get(BOARD, {"season": "0"}).context["board"].frozen is False


def test_the_api_names_seasons_and_returns_an_earlier_one(
    client: Client, sea_or_sky: Challenge, ada: User, teacher: User
) -> None:
    graded(ada, 0.9)
    services.begin_season(sea_or_sky, "Spring", by=teacher)
    now, before = client.get(API).json(), client.get(API, {"season": "0"}).json()
    assert (now["season"], now["rows"]) == (1, [])
    assert [(one["number"], one["title"], one["ended_at"] is None) for one in now["seasons"]] == [
        (1, "Spring", True),
        (0, "", False),
    ]
    assert (before["season"], [row["pseudonym"] for row in before["rows"]]) == (0, [ada.pseudonym])
    assert client.get(API, {"season": "2"}).status_code == 404
