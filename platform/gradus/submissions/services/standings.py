"""Standings: the best shown score of a learner on a challenge's track. Computed from scores only."""

from typing import Any

from gradus.submissions.models import Score, Standing


def best_score(user_id: int, challenge_id: int, track: str) -> Score | None:
    """Highest shown, verified before provisional, then earliest."""
    scores = (
        Score.objects.filter(
            evaluation__is_current=True,
            evaluation__submission__user_id=user_id,
            evaluation__submission__challenge_id=challenge_id,
            evaluation__submission__kind=track,
        )
        .select_related("evaluation__submission")
        .order_by("-passed", "provisional", "-shown", "created_at", "evaluation_id")
    )
    return scores.first()


def values_of(score: Score) -> dict[str, Any]:
    result = score.evaluation.result or {}
    return {
        "submission": score.evaluation.submission,
        "shown": score.shown,
        "private_value": score.private_value,
        "passed": score.passed,
        "gold": score.gold,
        "provisional": score.provisional,
        "cost": result.get("cost", {}),
        "reached_at": score.created_at,
    }


def update_standing(user_id: int, challenge_id: int, track: str) -> None:
    """Within the caller's transaction."""
    key: dict[str, Any] = {"user_id": user_id, "challenge_id": challenge_id, "track": track}
    best = best_score(user_id, challenge_id, track)
    if best is None:
        Standing.objects.filter(**key).delete()
        return
    Standing.objects.update_or_create(**key, defaults=values_of(best))
