"""The tables of reviews, by what they describe. Only the services of this app write them."""

from gradus.reviews.models.gold import GoldConsent, GoldRow, with_its_review
from gradus.reviews.models.grading import Budget, JudgeCall, Regrade, Regraded
from gradus.reviews.models.reviews import (
    APPEAL_CHARS,
    COMMENT_CHARS,
    LOCKED_FOR,
    LOCKS_MOST,
    MARKED_BLIND_FIRST,
    Appeal,
    QuestionSettings,
    Review,
    ReviewQuerySet,
    Snippet,
)

__all__ = [
    "APPEAL_CHARS",
    "COMMENT_CHARS",
    "LOCKED_FOR",
    "LOCKS_MOST",
    "MARKED_BLIND_FIRST",
    "Appeal",
    "Budget",
    "GoldConsent",
    "GoldRow",
    "JudgeCall",
    "QuestionSettings",
    "Regrade",
    "Regraded",
    "Review",
    "ReviewQuerySet",
    "Snippet",
    "with_its_review",
]
