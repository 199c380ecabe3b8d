"""Ranks from single rows, computed anew each time, to compare a leaderboard with."""

from __future__ import annotations

from typing import Any

from challenges.kinds import registry as kinds
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.submissions import services
from gradus.submissions.models import Mark, Season, Submission
from tests import factories

Ranks = list[tuple[int | None, str, float]]


def oracle(challenge: Challenge) -> Ranks:
    """Returns (rank, name, score) of everybody: of the season that runs, not annulled, not hidden."""
    season = max((one.number for one in Season.objects.filter(challenge=challenge)), default=0)
    best: dict[User, tuple[float, Any]] = {}
    for attempt in Submission.objects.filter(challenge=challenge, season=season).select_related("user"):
        marks = Mark.objects.filter(user=attempt.user, challenge=challenge, kind="hidden")
        decided = [one for one in (*attempt.annulments.all(), *marks) if one.ended_at is None]
        score = getattr(attempt.evaluations.get(is_current=True), "score", None)
        if decided or score is None:
            continue
        found = (-score.shown, score.created_at)
        best[attempt.user] = min(best.get(attempt.user, found), found)
    order = sorted(best.items(), key=lambda item: item[1])
    shown = [-score for _user, (score, _at) in order]
    return [(1 + sum(one > -score for one in shown), user.pseudonym, -score) for user, (score, _at) in order]


def ranks(challenge: Challenge) -> Ranks:
    """Returns what everybody reads on the leaderboard."""
    return [(row.rank, row.pseudonym, row.score) for row in boards.board(challenge, "prompt", None).rows]


def work_off(score: float) -> None:
    """A worker grades the prompt that waits first."""
    claimed = services.claim(kinds.find("prompt").lane, worker="worker-1", profile="cpu/float32/1")
    assert claimed is not None and claimed.submission is not None
    outcome = services.Outcome(score=score, result=factories.result_for(claimed.submission))
    services.record(claimed.pk, claimed.fence, outcome)
