"""Services that compute standings from scores: a learner's best shown score on a track of a challenge's version.

A grade that is withheld from its learner, or annulled, is part of no standing, and so of no path and no leaderboard.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from challenges import payloads
from challenges.texts import several
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.refusal import Refused
from gradus.submissions import events
from gradus.submissions.models import Score, Standing

OWNER = "evaluation__submission__"


def best_scores(user_ids: Collection[int], challenge_id: int, track: str) -> dict[tuple[int, int, int], Score]:
    """Returns the best released score of each learner for each version and season, by the three.

    A passed score comes first, then a verified one, then the highest and the earliest.
    """
    found = Score.objects.current().released().on(challenge_id, track).filter(**{f"{OWNER}user__in": user_ids})
    best: dict[tuple[int, int, int], int] = {}
    owners = (f"{OWNER}user", "evaluation__graded_version", f"{OWNER}version", f"{OWNER}season")
    for pk, user, regraded_by, own, season in found.best_first().values_list("pk", *owners):
        best.setdefault((user, regraded_by or own, season), pk)
    scores = Score.objects.select_related("evaluation__submission__user").in_bulk(best.values())
    return {key: scores[pk] for key, pk in best.items()}


VALUES = ("submission", "shown", "private_value", "passed", "gold", "provisional", "cost", "approach", "reached_at")


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
        "approach": payloads.approach_of(submission.payload),
        "reached_at": score.created_at,
    }


def standing_of(score: Score) -> Standing:
    """Returns the standing that this score alone would make. It is not stored."""
    submission = score.evaluation.submission
    assert submission is not None
    key: dict[str, Any] = {"user": submission.user, "challenge_id": submission.challenge_id, "track": submission.kind}
    key["season"] = submission.season
    return Standing(**key, version_id=score.evaluation.version_id, **values_of(score))


def hold_learner(user_id: int) -> None:
    """Locks the learner's standings until the end of the transaction.

    Otherwise, two grades that are recorded at the same time would each miss the other's score. Whatever locks an
    evaluation or a review of the learner as well locks the learner first.
    """
    hold_learners([user_id])


def hold_learners(user_ids: Iterable[int], *, waits: bool = True) -> set[int]:
    """Locks the standings of several learners, always in the same order, and returns whose are locked now.

    Those that another transaction holds are left out if `waits` is False.

    Raises:
        Refused: 409, an account was merged into another one while this waited, so the caller has to read anew whose
            attempts it is about. Without `waits`, such an account is left out as well.
    """
    skips = not waits and connection.features.has_select_for_update_skip_locked
    rows = User.objects.select_for_update(no_key=True, skip_locked=skips).filter(pk__in=set(user_ids))
    held = dict(rows.order_by("pk").values_list("pk", "merged_into"))
    closed = {pk for pk, into in held.items() if into is not None}
    if closed and waits:
        said = _("This account has just been merged into another one. Load the page again.")
        raise Refused("changed_meanwhile", said, 409)
    return held.keys() - closed


def update_standing(user_id: int, challenge_id: int, track: str) -> None:
    """Updates the standings of a learner after a score of the learner has changed; see `update_standings`."""
    update_standings([user_id], challenge_id, track)
    events.scores_changed.send(sender=Standing, user_ids=[user_id], challenge_id=challenge_id, track=track)


def update_standings(user_ids: Collection[int], challenge_id: int, track: str) -> None:
    """Updates the standings of learners on every version, because a regrade can move a score from one to another.

    It locks the learners within the caller's transaction, and takes a fixed number of queries. A release changes which
    scores count here, and no score.
    """
    hold_learners(user_ids)
    key: dict[str, Any] = {"challenge_id": challenge_id, "track": track}
    best = best_scores(user_ids, challenge_id, track)
    kept = Standing.objects.filter(user__in=user_ids, **key).values_list("pk", "user_id", "version_id", "season")
    Standing.objects.filter(pk__in=[pk for pk, *at in kept if tuple(at) not in best]).delete()
    rows = [
        Standing(user_id=user, version_id=version, season=season, **key, **values_of(score))
        for (user, version, season), score in best.items()
    ]
    unique = ("user", "challenge", "track", "version", "season")
    Standing.objects.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=VALUES)


def differences() -> list[str]:
    """Returns the standings that disagree with the scores, one line each."""
    kept = {(*_key(row), row.version_id, row.season): row for row in Standing.objects.all()}
    learners = _learners(_scored() | {_key(row) for row in kept.values()})
    due = {
        (user, *board, version, season): score
        for board, user_ids in learners.items()
        for (user, version, season), score in best_scores(user_ids, *board).items()
    }
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
    keys = _scored()
    hold_learners(user_id for user_id, _challenge, _track in keys)
    Standing.objects.all().delete()
    for board, user_ids in _learners(keys).items():
        update_standings(user_ids, *board)
        events.scores_changed.send(sender=Standing, user_ids=user_ids, challenge_id=board[0], track=board[1])
    count = Standing.objects.count()
    staff.note(StaffAction.What.STANDINGS_REBUILT, several(count, "standing"))
    return count


def _scored() -> set[tuple[int, int, str]]:
    """Who has a score on which board: learner, challenge and track."""
    return set(Score.objects.current().values_list(f"{OWNER}user_id", f"{OWNER}challenge_id", f"{OWNER}kind"))


def _learners(keys: Iterable[tuple[int, int, str]]) -> dict[tuple[int, str], list[int]]:
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for user_id, challenge_id, track in sorted(keys):
        found[challenge_id, track].append(user_id)
    return found
