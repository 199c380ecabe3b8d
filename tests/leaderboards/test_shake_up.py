"""A board that is frozen and revealed later: which ranks stand when, and what the page of the shake-up says."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from statistics import fmean

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.leaderboards import boards, ranking, shake_up
from gradus.submissions.models import Mark, Submission
from gradus.submissions.results import board_decisions as services
from tests import factories

BOARD = "/leaderboards/sea-or-sky/"
PAGE = f"{BOARD}shake-up/"
API = "/api/v1/challenges/sea-or-sky/leaderboard"


def graded(user: User, public: float, private: float) -> Submission:
    made = factories.submit(user)
    factories.grade(made, public, private_score=private)
    return made


def freeze(reveal_in: timedelta | None = None) -> Challenge:
    now = timezone.now()
    Course.objects.update(frozen_at=now, reveal_at=None if reveal_in is None else now + reveal_in)
    catalogue.forget()
    return factories.challenge("sea-or-sky")


def reveal() -> Challenge:
    Course.objects.update(reveal_at=timezone.now())
    catalogue.forget()
    return factories.challenge("sea-or-sky")


def ranks(challenge: Challenge) -> list[tuple[int | None, str, float]]:
    return [(row.rank, row.pseudonym, row.score) for row in boards.board(challenge, "prompt", None).rows]


def test_a_closed_board_keeps_its_public_ranks_until_the_reveal(
    client: Client, sea_or_sky: Challenge, ada: User, bob: User
) -> None:
    graded(ada, 0.9, 0.6)
    graded(bob, 0.8, 0.7)
    frozen = freeze(timedelta(days=1))
    graded(bob, 0.95, 0.95)
    shown_rows = client.get(BOARD).context["board"].rows
    assert [row.score for row in shown_rows] == [0.9, 0.8]
    assert ranks(frozen) == [(1, ada.pseudonym, 0.9), (2, bob.pseudonym, 0.8)]
    closed, told = client.get(BOARD).content.decode(), client.get(API).json()
    assert "This board has closed" in closed and ">0.70<" not in closed
    assert (told["frozen"], told["revealed"], told["reveals_at"] is None) == (True, False, False)
    assert client.get(PAGE).status_code == 404
    assert ranks(reveal()) == [(1, bob.pseudonym, 0.7), (2, ada.pseudonym, 0.6)]
    final, told = client.get(BOARD).content.decode(), client.get(API).json()
    assert "These ranks are final" in final and PAGE in final
    assert (told["frozen"], told["revealed"], told["reveals_at"]) == (True, True, None)


def test_attempts_that_are_graded_while_a_board_freezes_count_by_when_they_were_submitted(
    sea_or_sky: Challenge,
) -> None:
    people = factories.UserFactory.create_batch(8)
    waiting = [factories.submit(user) for user in people]
    frozen = freeze(timedelta(days=1))
    late = [factories.submit(user) for user in people]
    for number, attempt in enumerate([*waiting, *late]):
        factories.grade(attempt, 0.5 if number < 8 else 0.9, private_score=0.4 if number < 8 else 0.9)
    assert {row.score for row in boards.board(frozen, "prompt", None, rows=100).rows} == {0.5}
    revealed = reveal()
    assert [(row.rank, row.score) for row in boards.board(revealed, "prompt", None, rows=100).rows] == [(1, 0.4)] * 8
    found = shake_up.of(revealed, "prompt")
    assert {(move.before, move.after, move.public, move.private) for move in found.moves} == {(1, 1, 0.5, 0.4)}


def test_a_closed_board_has_the_scores_that_all_attempts_before_the_freeze_give(sea_or_sky: Challenge) -> None:
    """Standings, which later attempts change, tell it for most learners, and all their attempts for the others."""
    chance = Random(7)
    people = factories.UserFactory.create_batch(8)
    teacher = factories.UserFactory.create(is_staff=True)
    early = [graded(user, chance.random(), chance.random()) for user in people for _ in range(2)]
    challenge = freeze()
    late = [graded(user, chance.random(), chance.random()) for user in people[2:] for _ in range(2)]
    for attempt in (early[0], early[5], late[0]):
        services.annul(attempt, by=teacher, reason="Copied")
    services.mark(people[3], challenge, Mark.Kind.HIDDEN, by=teacher, reason="Copied")
    slow = ranking._best(ranking._scores(challenge, "prompt", None, None))
    told = [(user, public, attempt) for _pk, user, public, _private, attempt, _at in slow]
    found = ranking.both_scores(challenge, "prompt")
    assert [(user, public, attempt) for _pk, user, public, _private, attempt, _at in found] == sorted(
        told, key=lambda one: one[2]
    )
    assert len(found) == 7 and {one[4] for one in found} <= {one.pk for one in early}


def test_the_page_says_who_moved_how_far_and_leaves_hidden_entries_out(
    client: Client, sea_or_sky: Challenge, ada: User, bob: User
) -> None:
    teacher = factories.UserFactory.create()
    factories.enrol(teacher, sea_or_sky.course, factories.TEACHER)
    hidden = factories.UserFactory.create()
    graded(hidden, 0.99, 0.99)
    services.mark(hidden, sea_or_sky, Mark.Kind.HIDDEN, by=teacher, reason="Copied")
    graded(ada, 0.901, 0.601)
    graded(bob, 0.801, 0.701)
    freeze()
    client.force_login(ada)
    answer = client.get(PAGE)
    text = " ".join(answer.content.decode().split())
    assert "up 1 place" in text and "down 1 place" in text and "is -1.00" in text
    assert hidden.pseudonym not in text and "0.901" not in text and "0.601" not in text
    (last,) = [one for one in answer.context["moves"] if one.mine]
    assert (last.pseudonym, last.before, last.after) == (ada.pseudonym, 1, 2)


def test_a_reveal_before_the_freeze_is_refused(course: Course) -> None:
    now = timezone.now()
    for frozen, revealed in ((None, now), (now, now - timedelta(seconds=1))):
        with pytest.raises(IntegrityError, match="after the leaderboards have closed"), transaction.atomic():
            Course.objects.filter(pk=course.pk).update(frozen_at=frozen, reveal_at=revealed)
        course.frozen_at, course.reveal_at = frozen, revealed
        with pytest.raises(ValidationError, match="revealed after"):
            course.full_clean()


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [([3, 2, 1], [30, 20, 10], 1), ([3, 2, 1], [1, 2, 3], -1), ([1, 1], [1, 2], None), ([1], [1], None)],
)
def test_spearman(one: list[float], other: list[float], value: float | None) -> None:
    assert shake_up.spearman(Counter(zip(one, other, strict=True))) == (
        value if value is None else pytest.approx(value)
    )


def test_spearman_with_ties_is_what_scipy_says() -> None:
    from scipy.stats import spearmanr

    chance = Random(3)
    one = [chance.randint(0, 9) / 10 for _ in range(200)]
    other = [min(1.0, max(0.0, round(score + chance.gauss(0, 0.2), 1))) for score in one]
    assert shake_up.spearman(Counter(zip(one, other, strict=True))) == pytest.approx(spearmanr(one, other).statistic)


def _drawn(ability: float, rows: int, chance: Random) -> float:
    return sum(chance.random() < ability for _ in range(rows)) / rows


@pytest.mark.parametrize(("fitted", "verdict"), [(False, "as"), (True, "more")])
def test_chance_explains_two_samples_of_one_ability_and_not_a_fit_to_one(fitted: bool, verdict: str) -> None:
    chance = Random(5)
    abilities = [0.2 + 0.6 * number / 60 for number in range(60)]
    scores = [(_drawn(one, 400, chance), _drawn(1 - one if fitted else one, 400, chance)) for one in abilities]
    before, after = (shake_up.ranks([pair[part] for pair in scores]) for part in (0, 1))
    mean = fmean(abs(one - other) for one, other in zip(before, after, strict=True))
    found = shake_up.ShakeUp([], mean, 0, None, shake_up.expected(tuple(scores), 400, 400, 0.0025))
    assert found.verdict == verdict


def test_the_page_says_how_far_chance_would_move_entries(
    client: Client, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        graded(factories.UserFactory.create(), 0.5 + number / 10, 0.8 - number / 10)
    ChallengeVersion.objects.update(hidden_count=800, scored_count=400)
    # The metric of this challenge is no mean of its rows.
    monkeypatch.setattr(shake_up, "shown_interval", lambda *given: (0.4, 0.6))
    freeze()
    assert "chance alone would move entries by about" in " ".join(client.get(PAGE).content.decode().split())


def test_few_rows_say_nothing_about_chance(sea_or_sky: Challenge, ada: User, bob: User) -> None:
    graded(ada, 0.9, 0.6)
    graded(bob, 0.8, 0.7)
    ChallengeVersion.objects.update(hidden_count=12, scored_count=6)
    assert shake_up.of(freeze(), "prompt").chance is None
