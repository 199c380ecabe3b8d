"""Services that compute standings from scores: a learner's best shown score on a track of a challenge's version."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from challenges.texts import several
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.submissions.models import Score, Standing


def best_scores(user_id: int, challenge_id: int, track: str) -> dict[int, Score]:
    """Returns the best score for each version: a passed one first, then a verified, the highest and the earliest."""
    current = Score.objects.current().on(challenge_id, track).filter(evaluation__submission__user_id=user_id)
    best: dict[int, int] = {}
    versions = ("evaluation__graded_version", "evaluation__submission__version")
    for pk, regraded_by, own in current.best_first().values_list("pk", *versions):
        best.setdefault(regraded_by or own, pk)
    scores = Score.objects.select_related("evaluation__submission__user").in_bulk(best.values())
    return {version: scores[pk] for version, pk in best.items()}


def values_of(score: Score) -> dict[str, Any]:
    """Returns the fields of the standing that this score makes."""
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
        "cost": result.get("cost", {}),
        "reached_at": score.created_at,
    }


def standing_of(score: Score) -> Standing:
    """Returns the standing that this score alone would make. It is not stored."""
    submission = score.evaluation.submission
    assert submission is not None
    key: dict[str, Any] = {"user": submission.user, "challenge_id": submission.challenge_id, "track": submission.kind}
    return Standing(**key, version_id=score.evaluation.version_id, **values_of(score))


def hold_learner(user_id: int) -> None:
    """Locks the learner's standings until the end of the transaction.

    Otherwise, two grades that are recorded at the same time would each miss the other's score. Whatever locks an
    evaluation or a review of the learner as well locks the learner first.
    """
    hold_learners([user_id])


def hold_learners(user_ids: Iterable[int]) -> None:
    """Locks the standings of several learners, always in the same order."""
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=set(user_ids))
    list(rows.order_by("pk").values_list("pk", flat=True))


def update_standing(user_id: int, challenge_id: int, track: str) -> None:
    """Updates the standings of every version, because a regrade can move a score from one version to another.

    It locks the learner within the caller's transaction.
    """
    hold_learner(user_id)
    key: dict[str, Any] = {"user_id": user_id, "challenge_id": challenge_id, "track": track}
    best = best_scores(user_id, challenge_id, track)
    Standing.objects.filter(**key).exclude(version__in=best).delete()
    for version, score in best.items():
        Standing.objects.update_or_create(**key, version_id=version, defaults=values_of(score))


def differences() -> list[str]:
    """Returns the standings that disagree with the scores, one line each."""
    kept = {(*_key(row), row.version_id): row for row in Standing.objects.all()}
    keys = _scored() | {_key(row) for row in kept.values()}
    due = {(*key, version): score for key in keys for version, score in best_scores(*key).items()}
    texts = []
    for key in sorted(due.keys() | kept.keys()):
        best, row = due.get(key), kept.get(key)
        if best is None or row is None:
            texts.append(f"{key}: {'no score behind it' if best is None else 'missing'}")
            continue
        wrong = [name for name, value in values_of(best).items() if getattr(row, name) != value]
        texts += [f"{key}: {', '.join(wrong)}"] if wrong else []
    return texts


def _key(row: Standing) -> tuple[int, int, str]:
    return row.user_id, row.challenge_id, row.track


@transaction.atomic
def rebuild() -> int:
    """Computes all standings again from the scores. Returns how many there are."""
    keys = list(_scored())
    hold_learners(user_id for user_id, _challenge, _track in keys)
    Standing.objects.all().delete()
    for key in keys:
        update_standing(*key)
    count = Standing.objects.count()
    staff.note(StaffAction.What.STANDINGS_REBUILT, several(count, "standing"))
    return count


def _scored() -> set[tuple[int, int, str]]:
    owner = "evaluation__submission__"
    current = Score.objects.filter(evaluation__is_current=True)
    return set(current.values_list(f"{owner}user_id", f"{owner}challenge_id", f"{owner}kind"))
