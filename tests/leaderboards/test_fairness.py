"""Intervals and bands of scores, the best of each approach, who was first, and the entries that a page lists."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from challenges.shown_score import floor_to_step
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.intervals import about, wilson
from gradus.leaderboards import boards, filters
from gradus.leaderboards.fairness import Alike, Chance, alike, chance_of
from gradus.leaderboards.places import Band
from gradus.leaderboards.ranking import ALL, Only, places
from gradus.submissions.models import Score, Standing
from tests import factories
from tests.markup import Markup

TAGS = re.compile(r"<[^>]*>")
BOARD = "/leaderboards/sea-or-sky/"
API = "/api/v1/challenges/sea-or-sky/leaderboard"
ZERO_SHOT, FEW_SHOT = factories.PROMPT | {"examples": []}, factories.PROMPT


@pytest.fixture
def many_rows(sea_or_sky: Challenge) -> Challenge:
    """The challenge with 150 hidden rows, of which a shown score is computed from all, and a mean of rows as metric."""
    return changed("accuracy", 150)


def changed(metric: str, rows: int, scored: int | None = None) -> Challenge:
    """Gives the live version another metric and another number of hidden rows."""
    version = ChallengeVersion.objects.get(challenge__slug="sea-or-sky")
    version.spec["metric"] = {"name": metric}
    version.digest = f"{metric} {rows} {scored}"
    version.hidden_count, version.scored_count = rows, scored if scored is not None else rows
    version.save()
    catalogue.forget()
    return factories.challenge("sea-or-sky")


def reach(score: float, at: datetime | None = None, **given: Any) -> User:
    user = given.pop("user", None) or factories.UserFactory.create()
    made = factories.submit(user, payload=given.pop("payload", ZERO_SHOT))
    factories.grade(made, score, **given)
    if at:
        Standing.objects.filter(user=user).update(reached_at=at)
    return user


def text_of(client: Client, path: str = BOARD) -> str:
    return Markup(TAGS.sub(" ", client.get(path).content.decode()))


# What is computed from what


@given(
    rows=st.integers(10, 5000),
    score=st.floats(0, 1),
    other_rows=st.integers(10, 5000),
    other_score=st.floats(0, 1),
    step=st.sampled_from([0.01, 0.02, 0.05]),
)
def test_equal_shown_scores_over_equally_rounded_rows_have_one_interval(
    rows: int, score: float, other_rows: int, other_score: float, step: float
) -> None:
    """Whatever lies behind them. The other way round, the interval is Wilson's, from the two numbers alone."""
    one = Chance("accuracy", step, about(rows)).interval(floor_to_step(score, step))
    other = Chance("accuracy", step, about(other_rows)).interval(floor_to_step(other_score, step))
    if (about(rows), floor_to_step(score, step)) == (about(other_rows), floor_to_step(other_score, step)):
        assert one == other
    shown, known = floor_to_step(score, step), about(rows)
    assert one == (wilson(shown * known, known)[0], wilson(min(1.0, shown + step) * known, known)[1])


@given(st.lists(st.integers(0, 50), min_size=1, unique=True), st.integers(10, 5000))
def test_the_leader_s_band_reaches_from_the_top_without_a_gap(steps: list[int], rows: int) -> None:
    chance = Chance("accuracy", 0.02, about(rows))
    bands = [Band(number, one / 50, 1) for number, one in enumerate(sorted(steps, reverse=True), 1)]
    leader = alike(bands[0].score, bands, chance)
    assert leader is not None and leader.high == bands[0].score
    low, _ = chance.interval(bands[0].score) or (2.0, 2.0)
    for number, band in enumerate(bands, 1):
        _, high = chance.interval(band.score) or (-1.0, -1.0)
        assert (band.score in leader) == (number <= leader.learners) == (high >= low)


@pytest.mark.parametrize("metric", ["macro_f1", "a_metric_whose_package_is_gone"])
def test_what_is_not_the_mean_of_its_rows_has_no_interval_and_no_band(metric: str) -> None:
    chance = Chance(metric, 0.02, 100)
    assert chance.interval(0.7) is None
    assert alike(0.7, [Band(1, 0.7, 1)], chance) is None


@pytest.mark.parametrize("metric", ["token_f1", "json_fields", "mrr"])
def test_rows_that_earn_parts_get_the_width_of_rows_that_are_right_or_wrong(metric: str) -> None:
    """It is the widest that rows between 0 and 1 with this mean can have."""
    assert Chance(metric, 0.02, 100).interval(0.7) == Chance("accuracy", 0.02, 100).interval(0.7)


def test_a_board_tells_why_it_shows_no_interval(sea_or_sky: Challenge, explain: Challenge, ada_client: Client) -> None:
    reach(0.7)
    assert sea_or_sky.version is not None and explain.version is not None
    assert chance_of(explain.version, "free_text", private=False).no_interval == "other"
    changed("accuracy", 9)
    assert "because there are too few hidden samples for one" in text_of(ada_client)
    changed("macro_f1", 90)
    assert "Macro F1 is not the mean over the hidden samples" in text_of(ada_client)


def test_private_scores_and_exact_numbers_move_nothing(many_rows: Challenge, ada: User, ada_client: Client) -> None:
    """Neither the true score, nor that of the private part, nor how many rows there are beyond the rounded number."""
    reach(0.801, user=ada, private_score=0.1)
    reach(0.74, private_score=0.9)
    before = text_of(ada_client), ada_client.get(API).json()
    assert "With about 100 hidden samples" in before[0] and before[1]["rows"][0]["interval"]
    Score.objects.filter(shown=0.8).update(value=0.819)
    Score.objects.update(private_value=0.5)
    Standing.objects.update(private_value=0.5)
    ChallengeVersion.objects.update(hidden_count=199, scored_count=199)
    catalogue.forget()
    assert (text_of(ada_client), ada_client.get(API).json()) == before


def test_final_scores_have_the_interval_of_the_private_part(sea_or_sky: Challenge) -> None:
    changed("accuracy", 500, 100)
    reach(0.8, private_score=0.6)
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    board = boards.board(factories.challenge("sea-or-sky"), "prompt", None)
    assert (board.chance.rows, board.rows[0].score) == (400, 0.6)
    assert board.rows[0].interval == Chance("accuracy", board.chance.step, 400).interval(0.6)


# Bands


def test_scores_that_chance_alone_explains_are_told_and_marked(many_rows: Challenge, ada: User) -> None:
    for score in (0.9, 0.84, 0.6, 0.56):
        reach(score)
    reach(0.62, user=ada)
    board = boards.board(many_rows, "prompt", ada)
    assert board.chance.rows == 100
    assert board.leader == Alike(0.9, 0.84, 0.9, 2)
    assert board.own == Alike(0.62, 0.56, 0.62, 3)
    assert [row.like_leader for row in board.rows] == [True, True, False, False, False]
    assert [row.like_mine for row in board.rows] == [False, False, True, True, True]
    assert [row.rank for row in board.rows] == [1, 2, 3, 4, 5]


def test_the_page_says_it_in_words(many_rows: Challenge, ada: User, ada_client: Client) -> None:
    for score in (0.9, 0.84, 0.6):
        reach(score)
    reach(0.62, user=ada)
    text = text_of(ada_client)
    assert "With about 100 hidden samples, scores from 0.84 to 0.90 cannot be told apart from the best one" in text
    assert "Your 0.62 cannot be told apart from scores from 0.60 to 0.62, which are marked with ≈." in text
    assert text.index("Cannot be told apart from the best score") < text.index("Lower than the best score by more")
    assert text.count("cannot be told apart from yours:") == 1
    page = ada_client.get(API).json()
    assert (page["about_rows"], page["like_leader"]["low"], page["like_mine"]["low"]) == (100, 0.84, 0.6)
    assert [(one["like_leader"], one["like_mine"]) for one in page["rows"]] == [
        (True, False),
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_best_score_far_above_all_others_stands_alone(many_rows: Challenge, ada_client: Client) -> None:
    reach(0.98)
    reach(0.5)
    assert "the best score of 0.98 can be told apart from every lower score here" in text_of(ada_client)


# Approaches and who was first


@pytest.mark.parametrize("frozen", [False, True])
def test_the_best_of_each_approach(many_rows: Challenge, ada: User, ada_client: Client, frozen: bool) -> None:
    reach(0.7)
    first = reach(0.8)
    reach(0.8)
    few = reach(0.9, payload=FEW_SHOT)
    reach(0.6, payload=factories.LORA)
    Standing.objects.filter(user=few).update(cost={"prompt_tokens": 321.0})
    if frozen:
        Course.objects.update(frozen_at=timezone.now())
        catalogue.forget()
    board = boards.board(factories.challenge("sea-or-sky"), "prompt", None)
    assert [(one.approach, one.score, one.pseudonym) for one in board.best] == [
        ("few-shot", 0.9, few.name_on_boards),
        ("zero-shot", 0.8, first.name_on_boards),
    ]
    assert [row.approach for row in board.rows] == ["few-shot", "zero-shot", "zero-shot", "zero-shot"]
    text = text_of(ada_client)
    above = text[text.index("Best of each approach") : text.index("learners with a rank")]
    assert above.index("Few-shot") < above.index("Zero-shot") < above.index("LoRA")
    answer = ada_client.get(API).json()
    assert [(one["approach"], one["score"]) for one in answer["best"]] == [("few-shot", 0.9), ("zero-shot", 0.8)]
    assert answer["rows"][0]["approach"] == "few-shot"


def test_a_class_has_the_best_of_its_own_attempts(many_rows: Challenge, ada: User) -> None:
    """The attempt for the class is not the learner's best, so no standing tells its approach."""
    evening = factories.a_class(many_rows.course, board="members")
    factories.member(evening, ada)
    made = factories.submit(ada, payload=FEW_SHOT, of_class=evening.pk)
    factories.grade(made, 0.5)
    other = factories.a_class(many_rows.course, title="Other")
    factories.member(other, ada)
    factories.grade(factories.submit(ada, payload=ZERO_SHOT, of_class=other.pk), 0.9)
    (group,) = boards.groups(ada, many_rows.course)
    board = boards.board(many_rows, "prompt", ada, group=group)
    assert [(one.approach, one.score) for one in board.best] == [("few-shot", 0.5)]
    assert board.mine is not None and board.mine.approach == "few-shot"
    assert boards.board(many_rows, "prompt", ada, group=group, only=Only("zero-shot")).rows == []


@pytest.mark.parametrize("frozen", [False, True])
def test_the_first_with_a_score_is_marked(many_rows: Challenge, ada_client: Client, frozen: bool) -> None:
    for score in (0.8, 0.8, 0.7, 0.6, 0.6, 0.6):
        reach(score)
    if frozen:
        Course.objects.update(frozen_at=timezone.now())
        catalogue.forget()
    challenge = factories.challenge("sea-or-sky")
    firsts = [True, False, True, True, False, False]
    assert [row.first for row in boards.board(challenge, "prompt", None).rows] == firsts
    assert [place.is_first for place in places(challenge, "prompt")] == firsts
    assert [row.first for row in boards.board(challenge, "prompt", None, 2, 2).rows] == firsts[2:4]
    assert [row.first for row in boards.board(challenge, "prompt", None, 2, 3).rows] == firsts[3:]
    assert [row.first for row in boards.board(challenge, "prompt", None, only=Only("zero-shot")).rows] == firsts
    assert text_of(ada_client).count("first with this score") == 2


# What a page lists


def test_filters_list_some_entries_and_move_no_rank(many_rows: Challenge, ada_client: Client) -> None:
    (_, this), (name, last) = filters.weeks()[:2]
    monday = this.astimezone(UTC)
    names = [
        reach(0.9, monday).pseudonym,
        # It is shown as the first second of this week, and listed as what is shown.
        reach(0.8, monday - timedelta(milliseconds=500)).pseudonym,
        reach(0.7, monday - timedelta(seconds=1)).pseudonym,
        reach(0.6, last, payload=FEW_SHOT).pseudonym,
    ]
    listed = [row["pseudonym"] for row in ada_client.get(f"{API}?week={name}").json()["rows"]]
    assert listed == names[2:]
    page = ada_client.get(f"{BOARD}?week={name}&approach=few-shot").context["board"]
    assert [(row.rank, row.pseudonym) for row in page.rows] == [(4, names[3])]
    assert (page.listed, page.total, page.leader) == (1, 4, boards.board(many_rows, "prompt", None).leader)
    text = text_of(ada_client, f"{BOARD}?week={name}&approach=few-shot")
    assert "1 of 4 entries is listed. Ranks are those among everybody." in text
    assert "No entry matches your choice." in text_of(ada_client, f"{BOARD}?week={filters.weeks()[5][0]}")


def test_computed_rankings_list_the_same(many_rows: Challenge) -> None:
    (_, this), (_, last) = filters.weeks()[:2]
    for number, at in enumerate([this, this - timedelta(milliseconds=1), this - timedelta(seconds=1), last]):
        user = reach(0.9 - number / 10, at, payload=FEW_SHOT if number % 2 else ZERO_SHOT)
        Score.objects.filter(evaluation__submission__user=user).update(created_at=at)
    chosen = [ALL, Only("few-shot"), Only(reached=(last, this)), Only(people=[user.pk]), Only("few-shot", (last, this))]
    running = [[row.rank for row in boards.board(many_rows, "prompt", None, only=one).rows] for one in chosen]
    assert running == [[1, 2, 3, 4], [2, 4], [3, 4], [4], [4]]
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    frozen = factories.challenge("sea-or-sky")
    assert [[row.rank for row in boards.board(frozen, "prompt", None, only=one).rows] for one in chosen] == running


def test_a_choice_that_does_not_exist_lists_everything_and_is_told_beside_the_field(
    many_rows: Challenge, ada_client: Client
) -> None:
    reach(0.9)
    answer = ada_client.get(f"{BOARD}?week=2001-W01")
    assert "Select a valid choice" in answer.content.decode() and len(answer.context["board"].rows) == 1
    assert ada_client.get(f"{API}?week=2001-W01").status_code == 404
    assert ada_client.get(f"{API}?approach=magic").status_code == 404


def test_pages_of_a_choice_keep_it(many_rows: Challenge, ada_client: Client) -> None:
    behind = reach(0.5).submissions.get()
    Standing.objects.bulk_create(
        Standing(
            user=user,
            challenge=many_rows,
            version=many_rows.version,
            track="prompt",
            submission=behind,
            shown=0.9,
            approach="few-shot",
            reached_at=timezone.now(),
        )
        for user in factories.UserFactory.create_batch(boards.PAGE_ROWS + 1)
    )
    html = ada_client.get(f"{BOARD}?approach=few-shot").content.decode()
    assert "page=2&amp;approach=few-shot" in html
    page = ada_client.get(f"{BOARD}?approach=few-shot&page=2").context["board"]
    assert (page.page, page.pages, len(page.rows), page.listed) == (2, 2, 1, boards.PAGE_ROWS + 1)


def test_the_last_eight_iso_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    """2026 has 53 weeks, and its last one ends in January."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 1, 3, 12, tzinfo=UTC))
    named = filters.weeks()
    assert [name for name, _ in named][:2] == ["2026-W53", "2026-W52"]
    assert len(named) == filters.WEEKS and named[0][1].date().isoformat() == "2026-12-28"
