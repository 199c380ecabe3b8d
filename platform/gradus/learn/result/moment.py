"""What makes the result of an attempt a moment: where its score stands, what was gained, and if it is a first pass.

Everything follows from shown scores and from public rows, which the learner may see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from gradus.learn.costs.approaches import best_baselines
from gradus.learn.result import score_bar as bars
from gradus.learn.result.score_bar import Mark, ScoreBar
from gradus.submissions.models import Evaluation, Score, Submission

CELEBRATED = "celebrated"


@dataclass(frozen=True)
class Moment:
    """`best` is the learner's best shown score before this attempt, and `gained` how far this one is above it.

    Both are None for a first score. `is_first` says that this is the first attempt that passed or reached gold.
    """

    bar: ScoreBar
    best: float | None
    gained: float | None
    is_first: bool

    @property
    def lost(self) -> float:
        return -(self.gained or 0.0)


def moment(submission: Submission, evaluation: Evaluation, score: Score) -> Moment:
    earlier = _earlier(submission, evaluation)
    best = max((one["shown"] for one in earlier), default=None)
    return Moment(
        bar=_bar(submission, evaluation, score, best),
        best=best,
        gained=None if best is None else round(score.shown - best, 10),
        is_first=_is_new("gold", score, earlier) or _is_new("is_passed", score, earlier),
    )


def _earlier(submission: Submission, evaluation: Evaluation) -> list[Mapping[str, Any]]:
    """The scores of the learner's earlier attempts on the same track and version."""
    scores = Score.objects.current().released().on(submission.challenge, submission.kind).of_version(evaluation.version)
    before = scores.filter(evaluation__submission__user=submission.user, evaluation__submission__lt=submission.pk)
    is_passed = ExpressionWrapper(Q(passed=True, provisional=False), BooleanField())
    return [dict(row) for row in before.values("shown", "gold", is_passed=is_passed)]


def _is_new(level: str, score: Score, earlier: Sequence[Mapping[str, Any]]) -> bool:
    return bool(getattr(score, level)) and not any(one[level] for one in earlier)


def _bar(submission: Submission, evaluation: Evaluation, score: Score, best: float | None) -> ScoreBar:
    spec = evaluation.version.parsed
    gold = spec.gold_of(submission.kind)
    goals = [Mark(bars.PASS, pgettext("a score to reach", "Pass"), spec.pass_)]
    if gold is not None:
        goals.append(Mark(bars.GOLD, pgettext("a score to reach", "Gold"), gold))
    own = [Mark(bars.BEST, _("Previous best"), best)] if best is not None else []
    baselines = [Mark(bars.BASELINE, entry.title, entry.score) for entry in best_baselines(evaluation.version)]
    return bars.score_bar(score.shown, goals, [*own, *baselines])


def is_celebrated(session: SessionBase, evaluation: Evaluation, shown: Moment | None) -> bool:
    """Returns True once for each first pass, and notes in the session that it was seen."""
    if shown is None or not shown.is_first or session.get(CELEBRATED, 0) >= evaluation.pk:
        return False
    session[CELEBRATED] = evaluation.pk
    return True
