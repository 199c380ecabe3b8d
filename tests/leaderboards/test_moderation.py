"""Hidden entries, annulled attempts and seasons: who has a rank, and what the database refuses."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.refusal import Refused
from gradus.submissions.models import Annulment, Mark, Season, Standing, Submission
from gradus.submissions.results import board_decisions as services
from gradus.submissions.results.standings import differences
from tests import factories

HIDDEN, FLAG = Mark.Kind.HIDDEN, Mark.Kind.FLAG


def ranks(challenge: Challenge, viewer: User | None = None) -> list[tuple[int | None, str]]:
    return [(row.rank, row.pseudonym) for row in boards.board(challenge, "prompt", viewer).rows]


def graded(user: User, score: float) -> Submission:
    made = factories.submit(user)
    factories.grade(made, score)
    return made


def test_a_flag_changes_no_rank_and_an_entry_that_is_hidden_once_has_none_until_it_is_restored_once(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.9)
    graded(bob, 0.7)
    services.mark(ada, sea_or_sky, FLAG, by=teacher, reason="Look again")
    assert ranks(sea_or_sky) == [(1, ada.pseudonym), (2, bob.pseudonym)]
    mark = services.mark(ada, sea_or_sky, HIDDEN, by=teacher, reason="The answers of somebody else")
    assert ranks(sea_or_sky) == [(1, bob.pseudonym)]
    with pytest.raises(Refused, match="already"):
        services.mark(ada, sea_or_sky, HIDDEN, by=teacher, reason="Copied")
    graded(ada, 0.95)
    assert ranks(sea_or_sky) == [(1, bob.pseudonym)]
    assert Standing.objects.filter(user=ada, shown__gte=0.9).exists()
    services.end_mark(mark, by=teacher)
    assert ranks(sea_or_sky) == [(1, ada.pseudonym), (2, bob.pseudonym)]
    with pytest.raises(Refused, match="already"):
        services.end_mark(mark, by=teacher)
    noted = StaffAction.objects.filter(what__startswith="entry").values_list("what", flat=True)
    assert list(noted) == ["entry_restored", "entry_hidden", "entry_flagged"]


def test_each_needs_the_right_and_a_reason(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    attempt = graded(ada, 0.9)
    with pytest.raises(Http404):
        services.mark(ada, sea_or_sky, HIDDEN, by=bob, reason="Envy")
    with pytest.raises(Http404):
        services.annul(attempt, by=bob, reason="Envy")
    with pytest.raises(Http404):
        services.begin_season(sea_or_sky, "Spring", by=bob)
    for reason in ("", " \n ", "x" * 501):
        with pytest.raises(Refused) as refused:
            services.annul(attempt, by=teacher, reason=reason)
        assert refused.value.problems[0]["field"] == "reason"
    assert not Mark.objects.exists() and not Annulment.objects.exists() and not Season.objects.exists()


def test_an_annulled_attempt_counts_nowhere_and_the_next_best_does(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    graded(ada, 0.5)
    best = graded(ada, 0.9)
    graded(bob, 0.7)
    annulment = services.annul(best, by=teacher, reason="Handed in by somebody else")
    assert ranks(sea_or_sky) == [(1, bob.pseudonym), (2, ada.pseudonym)]
    assert not differences()
    services.end_annulment(annulment, by=teacher)
    assert ranks(sea_or_sky) == [(1, ada.pseudonym), (2, bob.pseudonym)]
    assert not differences()


def test_the_database_holds_to_annulments(sea_or_sky: Challenge, ada: User, teacher: User) -> None:
    attempt = graded(ada, 0.9)
    with pytest.raises(IntegrityError, match="annulled as long as"), transaction.atomic():
        Submission.objects.filter(pk=attempt.pk).update(annulled=True)
    services.annul(attempt, by=teacher, reason="Copied")
    with pytest.raises(IntegrityError, match="annulled as long as"), transaction.atomic():
        Submission.objects.filter(pk=attempt.pk).update(annulled=False)
    values = {"challenge": sea_or_sky, "version_id": attempt.version_id, "track": "prompt", "shown": 0.9}
    with pytest.raises(IntegrityError, match="not annulled"), transaction.atomic():
        Standing.objects.create(user=ada, submission=attempt, reached_at=attempt.created_at, **values)


def test_a_season_begins_without_entries_and_keeps_the_path(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    before = graded(ada, 0.9)
    season = services.begin_season(sea_or_sky, "Spring", by=teacher, ends=0)
    assert (season.number, ranks(sea_or_sky)) == (1, [])
    graded(bob, 0.7)
    graded(ada, 0.6)
    assert ranks(sea_or_sky) == [(1, bob.pseudonym), (2, ada.pseudonym)]
    assert sorted(Standing.objects.filter(user=ada).values_list("season", "shown")) == [(0, 0.9), (1, 0.6)]
    assert not differences()
    with pytest.raises(Refused, match="another season"):
        services.begin_season(sea_or_sky, "Spring again", by=teacher, ends=0)
    with pytest.raises(IntegrityError, match="stays in its season"), transaction.atomic():
        Submission.objects.filter(pk=before.pk).update(season=1)


def test_an_attempt_that_is_graded_after_the_season_ended_belongs_to_it(
    sea_or_sky: Challenge, ada: User, teacher: User
) -> None:
    late = factories.submit(ada)
    services.begin_season(sea_or_sky, "Spring", by=teacher)
    factories.grade(late, 0.8)
    assert ranks(sea_or_sky) == []
    assert Standing.objects.get(user=ada).season == 0
