"""Signal handlers, which keep the scores of rows and mark figures that are no longer true; `apps.py` connects them."""

from __future__ import annotations

from typing import Any

from gradus.challenge_health import row_scores
from gradus.challenge_health.models import Figures
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Outcome


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    if evaluation.submission is not None:
        row_scores.keep(evaluation, outcome.rows)
    on_closed(sender, evaluation)


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    owner = evaluation.submission or evaluation.run
    if owner is not None and (evaluation.submission is not None or owner.user_id is not None):
        outdate(Figures.objects.filter(version=evaluation.version_id, track=owner.kind))


def on_scores_changed(sender: object, challenge_id: int, track: str, **extra: Any) -> None:
    outdate(Figures.objects.filter(version__challenge=challenge_id, track=track))


def outdate(figures: Any) -> None:
    """Marks figures that are shown as no longer true. Those that are marked already are not written again."""
    figures.filter(is_stale=False).update(is_stale=True)
