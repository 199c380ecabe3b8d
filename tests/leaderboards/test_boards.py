from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.leaderboards import boards
from gradus.submissions.models import Standing
from tests import factories

BOARD = "/leaderboards/sea-or-sky/"


def learners(*scores: float, **outcome: float) -> list[User]:
    users = factories.UserFactory.create_batch(len(scores))
    for user, score in zip(users, scores, strict=True):
        factories.grade(factories.submit(user), score, **outcome)
    return users


def ranks(challenge: Challenge, track: str = "prompt", viewer: User | None = None) -> list[tuple[int | None, float]]:
    return [(row.rank, row.score) for row in boards.board(challenge, track, viewer).rows]


def test_equal_floored_scores_share_a_rank(sea_or_sky: Challenge) -> None:
    learners(0.801, 0.75, 0.819, 0.2)
    assert ranks(sea_or_sky) == [(1, 0.8), (1, 0.8), (3, 0.74), (4, 0.2)]
    assert boards.board(sea_or_sky, "prompt", None).bands == [boards.Band(1, 0.8, 2)]


def test_the_earlier_stands_first_in_a_band(sea_or_sky: Challenge) -> None:
    early, late = learners(0.801, 0.819)
    names = [row.pseudonym for row in boards.board(sea_or_sky, "prompt", None).rows]
    assert names == [early.pseudonym, late.pseudonym]


def test_the_best_attempt_counts(sea_or_sky: Challenge, ada: User) -> None:
    for score in (0.5, 0.9, 0.3):
        factories.grade(factories.submit(ada), score)
    assert ranks(sea_or_sky) == [(1, 0.9)]


def test_guests_and_provisional_scores_have_no_rank(
    sea_or_sky: Challenge, explain: Challenge, ada: User, guest: User
) -> None:
    factories.grade(factories.submit(guest), 0.9)
    factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.9, provisional=True)
    assert ranks(sea_or_sky) == []
    assert ranks(explain, "free_text") == []
    mine = boards.board(explain, "free_text", ada).mine
    assert mine is not None and (mine.rank, mine.provisional) == (None, True)


def test_tracks_rank_apart(sea_or_sky: Challenge, ada: User, bob: User) -> None:
    factories.grade(factories.submit(ada), 0.7)
    factories.grade(factories.submit(bob, payload=factories.LORA), 0.9)
    assert ranks(sea_or_sky) == [(1, 0.7)]
    assert ranks(sea_or_sky, "lora") == [(1, 0.9)]
    (other,) = boards.beside(sea_or_sky, "prompt", None)
    assert (other.track, [row.score for row in other.rows]) == ("lora", [0.9])


def test_the_private_split_ranks_only_after_the_freeze(sea_or_sky: Challenge, course: Course) -> None:
    first, second = factories.UserFactory.create_batch(2)
    factories.grade(factories.submit(first), 0.9, private_score=0.655)
    factories.grade(factories.submit(second), 0.8, private_score=0.777)
    assert ranks(sea_or_sky) == [(1, 0.9), (2, 0.8)]
    Course.objects.update(frozen_at=timezone.now() + timedelta(days=1))
    assert ranks(factories.challenge("sea-or-sky")) == [(1, 0.9), (2, 0.8)]
    Course.objects.update(frozen_at=timezone.now())
    frozen = factories.challenge("sea-or-sky")
    assert ranks(frozen) == [(1, 0.76), (2, 0.64)]
    assert boards.board(frozen, "prompt", None).rows[0].pseudonym == second.pseudonym


def test_what_is_submitted_after_the_freeze_asks_the_private_split_nothing(
    sea_or_sky: Challenge, course: Course, ada: User, bob: User
) -> None:
    """Neither a new rank nor a moved one: each attempt more would be a question to rows that are kept for the end."""
    factories.grade(factories.submit(ada), 0.8, private_score=0.655)
    Course.objects.update(frozen_at=timezone.now())
    factories.grade(factories.submit(ada), 0.9, private_score=0.777)
    factories.grade(factories.submit(bob), 0.9, private_score=0.333)

    board = boards.board(factories.challenge("sea-or-sky"), "prompt", bob)
    assert [(row.pseudonym, row.rank, row.score, row.gold) for row in board.rows] == [("enchantress", 1, 0.64, True)]
    assert board.mine is not None and (board.mine.rank, board.mine.score) == (None, 0.9)
    assert Standing.objects.get(user=ada).shown == 0.9


def test_a_private_score_lies_between_0_and_1(sea_or_sky: Challenge, ada: User) -> None:
    with pytest.raises(IntegrityError, match="private_in_unit"), transaction.atomic():
        factories.grade(factories.submit(ada), 0.8, private_score=1.5)


def test_private_scores_are_shown_to_nobody_before_the_freeze(
    sea_or_sky: Challenge, ada: User, ada_client: Client, grace_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.9, private_score=0.655)
    for client in (ada_client, grace_client):
        text = (
            client.get(BOARD).content.decode()
            + client.get("/api/v1/challenges/sea-or-sky/leaderboard").content.decode()
        )
        assert "0.64" not in text and "0.65" not in text


def test_my_row_is_pinned_where_the_page_does_not_show_it(sea_or_sky: Challenge, ada: User) -> None:
    learners(0.8, 0.7)
    factories.grade(factories.submit(ada), 0.3)
    page = boards.board(sea_or_sky, "prompt", ada, page=1, rows=2)
    assert (page.pages, page.total, len(page.rows)) == (2, 3, 2)
    assert page.mine is not None and (page.mine.rank, page.mine.mine) == (3, True)
    assert [row.mine for row in boards.board(sea_or_sky, "prompt", ada, page=2, rows=2).rows] == [True]


@pytest.mark.parametrize(("page", "shown"), [(0, 1), (-5, 1), (9, 2)])
def test_a_page_out_of_range_is_the_nearest(sea_or_sky: Challenge, page: int, shown: int) -> None:
    learners(0.8, 0.7)
    assert boards.board(sea_or_sky, "prompt", None, page=page, rows=1).page == shown


def test_times_are_whole_seconds(sea_or_sky: Challenge, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.8)
    (row,) = boards.board(sea_or_sky, "prompt", None).rows
    reached = Standing.objects.get().reached_at
    assert row.reached_at.microsecond == 0
    assert timedelta(0) <= row.reached_at - reached < timedelta(seconds=1)


def test_the_page_shows_pseudonyms_only(sea_or_sky: Challenge, ada: User, bob: User, ada_client: Client) -> None:
    factories.grade(factories.submit(ada), 0.801)
    factories.grade(factories.submit(bob), 0.802)
    text = ada_client.get(BOARD).content.decode()
    assert "enchantress" in text and "builder" in text
    assert "bob" not in text.replace("builder", "")
    assert "is-own" in text and "tie band" in text and "(you)" in text


def test_a_guest_reads_how_to_get_a_rank(sea_or_sky: Challenge, guest: User, guest_client: Client) -> None:
    factories.grade(factories.submit(guest), 0.9)
    text = guest_client.get(BOARD).content.decode()
    assert "Create a free account" in text and "is-own" in text


def test_unknown_boards(client: Client, explain: Challenge) -> None:
    assert client.get("/leaderboards/none/").status_code == 404
    assert client.get("/leaderboards/explain/?track=tune").status_code == 404
    assert client.get("/leaderboards/explain/?page=x").status_code == 200


def test_the_list_of_boards(ada: User, ada_client: Client, sea_or_sky: Challenge) -> None:
    factories.grade(factories.submit(ada), 0.8)
    text = ada_client.get("/leaderboards/").content.decode()
    assert "You: rank 1, 0.80" in text
    assert text.count("/leaderboards/") >= 3
