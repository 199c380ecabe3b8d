"""Standings: the best shown score of a learner on a challenge's track. Computed from scores only."""

from typing import Any

from django.db import transaction

from gradus.accounts import staff
from gradus.accounts.models import StaffAction, User
from gradus.submissions.models import Score, Standing


def best_score(user_id: int, challenge_id: int, track: str) -> Score | None:
    """Highest shown, verified before provisional, then earliest."""
    scores = Score.objects.current().on(challenge_id, track).filter(evaluation__submission__user_id=user_id)
    return scores.select_related("evaluation__submission__user").best_first().first()


def values_of(score: Score) -> dict[str, Any]:
    result = score.evaluation.result or {}
    submission = score.evaluation.submission
    assert submission is not None
    return {
        "submission": submission,
        "shown": score.shown,
        "private_value": score.private_value,
        "passed": score.passed,
        "gold": score.gold,
        "provisional": score.provisional,
        "ranked": not score.provisional and submission.user.is_active and not submission.user.is_guest,
        "cost": result.get("cost", {}),
        "reached_at": score.created_at,
    }


def standing_of(score: Score) -> Standing:
    """The standing that `score` alone would make; not stored."""
    submission = score.evaluation.submission
    assert submission is not None
    key: dict[str, Any] = {"user": submission.user, "challenge_id": submission.challenge_id, "track": submission.kind}
    return Standing(**key, **values_of(score))


def hold_learner(user_id: int) -> None:
    """Until the transaction ends nobody else settles this learner's standings.

    Two grades that are recorded at once would each miss the other's score, and the later one would win.
    """
    User.objects.select_for_update(no_key=True).filter(pk=user_id).values_list("pk", flat=True).first()


def update_standing(user_id: int, challenge_id: int, track: str) -> None:
    """Within the caller's transaction, which holds the learner from here on."""
    hold_learner(user_id)
    key: dict[str, Any] = {"user_id": user_id, "challenge_id": challenge_id, "track": track}
    best = best_score(user_id, challenge_id, track)
    if best is None:
        Standing.objects.filter(**key).delete()
        return
    Standing.objects.update_or_create(**key, defaults=values_of(best))


def differences() -> list[str]:
    """Standings that are not what the scores say, one line each; empty where all is as it should be."""
    found = []
    kept = {(row.user_id, row.challenge_id, row.track): row for row in Standing.objects.all()}
    for key in sorted(_scored() | kept.keys()):
        best, row = best_score(*key), kept.get(key)
        if best is None or row is None:
            found.append(f"{key}: {'no score behind it' if best is None else 'missing'}")
            continue
        wrong = [name for name, value in values_of(best).items() if getattr(row, name) != value]
        found += [f"{key}: {', '.join(wrong)}"] if wrong else []
    return found


@transaction.atomic
def rebuild() -> int:
    """Writes every standing anew from the scores; returns how many there are."""
    Standing.objects.all().delete()
    keys = _scored()
    for key in keys:
        update_standing(*key)
    staff.note(StaffAction.What.STANDINGS_REBUILT, f"{len(keys)} standings")
    return len(keys)


def _scored() -> set[tuple[int, int, str]]:
    owner = "evaluation__submission__"
    current = Score.objects.filter(evaluation__is_current=True)
    return set(current.values_list(f"{owner}user_id", f"{owner}challenge_id", f"{owner}kind"))
