from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course
from gradus.leaderboards import boards
from gradus.submissions.models import Standing
from tests import factories
from tests.markup import Markup, without_drawn

BOARD = "/leaderboards/sea-or-sky/"


def learners(*scores: float, **outcome: float) -> list[User]:
    users = factories.UserFactory.create_batch(len(scores))
    for user, score in zip(users, scores, strict=True):
        factories.grade(factories.submit(user), score, **outcome)
    return users


def ranks(challenge: Challenge, track: str = "prompt", viewer: User | None = None) -> list[tuple[int | None, float]]:
    return [(row.rank, row.score) for row in boards.board(challenge, track, viewer).rows]


def test_equal_floored_scores_share_a_rank_and_the_earlier_stands_first(sea_or_sky: Challenge) -> None:
    early, _, late, _ = learners(0.801, 0.75, 0.819, 0.2)
    assert ranks(sea_or_sky) == [(1, 0.8), (1, 0.8), (3, 0.74), (4, 0.2)]
    board = boards.board(sea_or_sky, "prompt", None)
    assert board.bands == [boards.Band(1, 0.8, 2)]
    assert [row.pseudonym for row in board.rows[:2]] == [early.pseudonym, late.pseudonym]


def test_guests_and_provisional_scores_have_no_rank(
    sea_or_sky: Challenge, explain: Challenge, ada: User, guest: User
) -> None:
    factories.grade(factories.submit(guest), 0.9)
    factories.grade(factories.submit(ada, "explain", factories.FREE_TEXT), 0.9, provisional=True)
    assert ranks(sea_or_sky) == []
    assert ranks(explain, "free_text") == []
    mine = boards.board(explain, "free_text", ada).mine
    assert mine is not None and (mine.rank, mine.provisional) == (None, True)


@pytest.mark.parametrize("frozen", [False, True])
def test_who_may_read_the_hidden_rows_has_no_rank_and_is_told(
    sea_or_sky: Challenge, ada: User, ada_client: Client, bob: User, frozen: bool
) -> None:
    factories.grade(factories.submit(ada), 0.9)
    factories.grade(factories.submit(bob), 0.7)
    if frozen:
        Course.objects.update(frozen_at=timezone.now())
    role = factories.enrol(ada, sea_or_sky.course, Scope(Content.VIEWER, LearnerData.EDITOR))
    assert ranks(sea_or_sky) == [(1, 0.9), (2, 0.7)]
    role.content = Content.EDITOR
    role.save()
    catalogue.forget()
    assert ranks(sea_or_sky) == [(1, 0.7)]
    mine = boards.board(sea_or_sky, "prompt", ada).mine
    assert mine is not None and (mine.rank, mine.score, mine.no_rank) == (None, 0.9, "role")
    assert "You may read the hidden rows of this course, so your score has no rank" in text_of(ada_client)
    assert "your score, without a rank, because" in text_of(ada_client, "/leaderboards/")
    answer = ada_client.get("/api/v1/challenges/sea-or-sky/leaderboard").json()
    assert (answer["mine"]["rank"], answer["mine"]["no_rank"], answer["total"]) == (None, "role", 1)


def test_tracks_rank_apart(sea_or_sky: Challenge, ada: User, bob: User) -> None:
    factories.grade(factories.submit(ada), 0.7)
    factories.grade(factories.submit(bob, payload=factories.LORA), 0.9)
    assert ranks(sea_or_sky) == [(1, 0.7)]
    assert ranks(sea_or_sky, "tune") == [(1, 0.9)]
    (other,) = boards.beside(sea_or_sky, "prompt", None)
    assert (other.track, [row.score for row in other.rows]) == ("tune", [0.9])


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
        text = Markup(client.get(BOARD).content.decode()) + Markup(
            client.get("/api/v1/challenges/sea-or-sky/leaderboard").content.decode()
        )
        assert "0.64" not in text and "0.65" not in text


def test_my_row_is_pinned_where_the_page_does_not_show_it_and_a_page_out_of_range_is_the_nearest(
    sea_or_sky: Challenge, ada: User
) -> None:
    learners(0.8, 0.7)
    factories.grade(factories.submit(ada), 0.3)
    page = boards.board(sea_or_sky, "prompt", ada, page=1, rows=2)
    assert (page.pages, page.total, len(page.rows)) == (2, 3, 2)
    assert page.mine is not None and (page.mine.rank, page.mine.mine) == (3, True)
    assert [row.mine for row in boards.board(sea_or_sky, "prompt", ada, page=2, rows=2).rows] == [True]
    for asked, shown in ((0, 1), (-5, 1), (9, 2)):
        assert boards.board(sea_or_sky, "prompt", None, page=asked, rows=2).page == shown


def test_times_are_whole_seconds(sea_or_sky: Challenge, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.8)
    (row,) = boards.board(sea_or_sky, "prompt", None).rows
    reached = Standing.objects.get().reached_at
    assert row.reached_at.microsecond == 0
    assert timedelta(0) <= row.reached_at - reached < timedelta(seconds=1)


def test_the_page_shows_pseudonyms_only(sea_or_sky: Challenge, ada: User, bob: User, ada_client: Client) -> None:
    factories.grade(factories.submit(ada), 0.801)
    factories.grade(factories.submit(bob), 0.802)
    text = Markup(ada_client.get(BOARD).content.decode())
    assert "enchantress" in text and "builder" in text
    assert "bob" not in without_drawn(text).replace("builder", "")
    assert "is-own" in text and "share rank" in text and "(you)" in text


def test_a_guest_reads_how_to_get_a_rank(sea_or_sky: Challenge, guest: User, guest_client: Client) -> None:
    factories.grade(factories.submit(guest), 0.9)
    text = Markup(guest_client.get(BOARD).content.decode())
    assert "Create a free account" in text and "is-own" in text
    assert "your score, which has no rank yet" in text_of(guest_client, "/leaderboards/")


def test_unknown_boards(client: Client, explain: Challenge) -> None:
    assert client.get("/leaderboards/none/").status_code == 404
    assert client.get("/leaderboards/explain/?track=tune").status_code == 404
    assert client.get("/leaderboards/explain/?page=x").status_code == 200


def text_of(client: Client, path: str = BOARD) -> str:
    return Markup(client.get(path).content.decode())


def test_a_shared_rank_is_marked_and_an_own_one_is_not(sea_or_sky: Challenge, ada: User, ada_client: Client) -> None:
    learners(0.9, 0.801, 0.3)
    factories.grade(factories.submit(ada), 0.819)
    text = text_of(ada_client)
    assert text.count('<span aria-hidden="true">2=</span><span class="visually-hidden">2, shared</span>') == 2
    assert '<td class="rank num">1</td>' in text and '<td class="rank num">4</td>' in text
    assert '<dt>Your rank</dt><dd class="num">2=</dd>' in text


def test_the_board_names_both_marks_of_its_track(sea_or_sky: Challenge, client: Client) -> None:
    spec = {**sea_or_sky.version.spec, "track_gold": {"tune": 0.9}}
    type(sea_or_sky.version).objects.filter(pk=sea_or_sky.version_id).update(spec=spec, digest="2" * 64)
    assert '<dt>Pass mark</dt><dd class="num">0.60</dd>' in text_of(client)
    assert '<dt>Gold</dt><dd class="num">0.80</dd>' in text_of(client)
    assert '<dt>Gold</dt><dd class="num">0.90</dd>' in text_of(client, f"{BOARD}?track=tune")


def test_the_day_of_the_best_attempt_stands_in_the_row(sea_or_sky: Challenge, ada: User, client: Client) -> None:
    factories.grade(factories.submit(ada), 0.8)
    factories.grade(factories.submit(ada), 0.5)
    best = datetime(2026, 11, 5, 14, 5, tzinfo=UTC)
    Standing.objects.update(reached_at=best)
    assert '<time datetime="2026-11-05T14:05:00+00:00">5 Nov 2026</time>' in text_of(client)


def test_a_board_that_will_close_says_when_and_a_final_one_says_so(sea_or_sky: Challenge, client: Client) -> None:
    assert "closes on" not in text_of(client)
    Course.objects.update(frozen_at=datetime(2126, 11, 5, 14, 5, tzinfo=UTC))
    catalogue.forget()
    assert "This board closes on 5 Nov 2126, 14:05." in text_of(client)
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    assert "These ranks are final." in text_of(client) and "closes on" not in text_of(client)


def test_an_empty_board_says_what_to_do(sea_or_sky: Challenge, client: Client) -> None:
    text = text_of(client)
    assert "Rank 1 is free. Submit a prompt" in text
    assert 'href="/challenges/sea-or-sky/?track=prompt">Open the challenge</a>' in text


def test_the_list_of_boards_has_a_card_with_the_own_place(ada: User, ada_client: Client, sea_or_sky: Challenge) -> None:
    learners(0.9, 0.819)
    factories.grade(factories.submit(ada), 0.801)
    text = text_of(ada_client, "/leaderboards/")
    card = text.split('href="/leaderboards/sea-or-sky/"')[1].split("</li>")[0]
    assert '2=</span><span class="muted">your rank among 3 learners, with 0.80' in card
    assert 'best score<span class="num">0.90' in card and 'gold<span class="num">0.80' in card
    assert "Take part" not in card
    other = text.split('href="/leaderboards/explain/"')[1].split("</li>")[0]
    assert "Rank 1 is free." in other and 'href="/challenges/explain/">Take part' in other


def test_the_list_of_a_frozen_course_ranks_by_private_scores(
    ada: User, ada_client: Client, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.9, private_score=0.655)
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    card = text_of(ada_client, "/leaderboards/").split('href="/leaderboards/sea-or-sky/"')[1].split("</li>")[0]
    assert "your rank among 1 learner, with 0.64" in card and 'best score<span class="num">0.64' in card
