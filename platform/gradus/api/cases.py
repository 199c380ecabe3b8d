"""Reviews, figures and shadow runs as the API gives them to reviewers."""

from typing import Any

from challenges import marks as table
from challenges.kinds.rubric import free_text
from gradus.api.schemas import reviews as schemas
from gradus.reviews import evidence
from gradus.reviews import review_reasons as reasons
from gradus.reviews.accuracy import Report
from gradus.reviews.models import Regrade, Review
from gradus.reviews.regrade_matrix import matrix


def brief(review: Review, *, appealed: bool) -> dict[str, Any]:
    blind = review.is_blind
    shown = [rule for rule in review.reasons if rule in ("audit", "appeal")] if blind else review.reasons
    return {
        "id": review.pk,
        "kind": review.kind,
        "blind": blind,
        "appealed": appealed,
        "challenge": review.submission.challenge.slug,
        "predicted": None if blind else review.predicted,
        "reasons": reasons.all_in_words(shown, review.submission.version.parsed),
        "opened_at": review.opened_at,
    }


def case(case: evidence.Case) -> schemas.ReviewOut:
    review, spec, appeal = case.review, case.challenge, case.appeal
    return schemas.ReviewOut.model_validate(
        {
            **brief(review, appealed=bool(appeal and appeal.is_open)),
            "submission": review.submission.uuid,
            "question": free_text(spec).question,
            "model_answer": free_text(spec).model_answer,
            "answer": case.answer,
            "language": review.language,
            "criteria": [_line(line) for line in case.lines],
            "flags": case.notes.flags,
            "signs": [vars(sign) for sign in case.signs],
            "nearest": [vars(near) for near in case.nearest],
            "appeal_text": appeal.text if appeal else None,
            "blind_marks": review.blind_marks,
            **(_decision(review) if review.decided_at else {}),
        }
    )


def _line(line: evidence.Line) -> dict[str, Any]:
    criterion = line.criterion
    return {
        **{key: getattr(criterion, key) for key in ("id", "label", "text", "points")},
        "allowed": table.allowed(criterion),
        "machine": line.mark or None,
        "quotes": line.quotes,
        "votes": line.votes,
        "second": line.second or None,
    }


def _decision(review: Review) -> dict[str, Any]:
    by = review.decided_by.pseudonym if review.decided_by else None
    return {"marks": review.marks, "reason": review.reason, "decided_by": by, "decided_at": review.decided_at}


def accuracy(report: Report) -> schemas.AccuracyOut:
    groups = ("questions", "audited_languages", "decided_languages", "decided_signs")
    return schemas.AccuracyOut.model_validate(
        {
            "total": vars(report.total) if report.total else None,
            **{name: [vars(row) for row in getattr(report, name)] for name in groups},
        }
    )


def regrade_brief(regrade: Regrade) -> dict[str, Any]:
    kept = {key: getattr(regrade, key) for key in ("note", "started_at", "outcome", "left_out")}
    version = regrade.version.version if regrade.version else None
    return {"id": regrade.pk, "challenge": regrade.challenge.slug, "version": version, **kept}


def regrade(regrade: Regrade) -> schemas.RegradeOut:
    found = matrix(regrade)
    changes = [
        {
            **{key: getattr(change, key) for key in ("old", "new", "before", "after", "passed_before", "passes")},
            "submission": change.item.new.submission.uuid if change.item.new.submission else None,
            "change": change.kind,
            "counts": change.item.adopted_at is not None,
            "kept_because": change.item.kept_because or None,
        }
        for change in found.changes
    ]
    names = ("waiting", "kinds", "passes_gained", "passes_lost", "marks", "adopted", "kept")
    figures = {key: getattr(found, key) for key in names}
    return schemas.RegradeOut.model_validate({**regrade_brief(regrade), **figures, "changes": changes})
