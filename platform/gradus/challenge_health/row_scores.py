"""What attempts scored on hidden rows: kept with each score, and read again from the outputs in private storage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.files.storage import storages

from challenges.kinds import registry as kinds
from challenges.kinds.base import Item
from gradus.challenge_health.models import NO_SCORE, RowScores
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Evaluation

log = structlog.get_logger(__name__)
# Of an answer no more is shown than this, and of a list of documents no more compared.
ANSWER_CHARS, LIST_CHARS = 80, 2000
# By the id of a row: its score in [0, 1], and the answer, which is empty where it is right.
Rows = Mapping[str, tuple[float, str]]


def items_of(version: ChallengeVersion, track: str) -> Sequence[Item]:
    """Returns what a score is computed from, such as hidden rows; nothing if private storage lacks the content."""
    try:
        bundle = bundles.load(version)
    except bundles.BundleMissing:
        return ()
    return kinds.find(track).items(bundle.challenge, bundle.hidden)


def keep(evaluation: Evaluation, rows: Rows) -> bool:
    """Stores what an attempt scored on each row. Returns False if nothing is known of any."""
    assert evaluation.submission is not None
    items = items_of(evaluation.version, evaluation.submission.kind) if rows else ()
    if not any(item.id in rows for item in items):
        return False
    scores, answers = bytearray(), {}
    for number, item in enumerate(items):
        score, answer = rows.get(item.id, (None, ""))
        scores.append(NO_SCORE if score is None else round(100 * min(1.0, max(0.0, score))))
        if answer:
            answers[str(number)] = answer[: LIST_CHARS if item.parts else ANSWER_CHARS]
    RowScores.objects.update_or_create(evaluation=evaluation, defaults={"scores": bytes(scores), "answers": answers})
    return True


def rebuild(most: int | None = None) -> int:
    """Reads the stored outputs of graded attempts of which no scores of rows are kept. Returns how many had some."""
    missing = Evaluation.objects.filter(submission__isnull=False, score__isnull=False, row_scores=None).exclude(raw="")
    chosen = missing.select_related("submission__version", "graded_version").order_by("-pk")[:most]
    return sum(keep(evaluation, _stored(evaluation)) for evaluation in chosen.iterator(200))


def forget_answers(user: Any) -> None:
    """Empties the wrong answers of a person's attempts, which may repeat what the person wrote. Scores stay."""
    RowScores.objects.filter(evaluation__submission__user=user).update(answers={})


def _stored(evaluation: Evaluation) -> Rows:
    store = storages["private"]
    try:
        with store.open(evaluation.raw) as file:
            raw: dict[str, Any] = json.loads(file.read())
    except (OSError, ValueError) as error:
        log.warning("outputs_unreadable", evaluation=evaluation.pk, reason=type(error).__name__)
        return {}
    return rows_of(raw.get("hidden", []))


def rows_of(graded: Sequence[Mapping[str, Any]]) -> Rows:
    """Returns the rows of stored `graders.base.GradedSample`s."""
    return {row["id"]: (row["score"], "" if row["correct"] else row["output"]) for row in graded}
