"""What becomes of reviews, appeals, gold rows and judge calls when the account of their learner is deleted.

Marks, figures, costs and who decided stay; nothing that somebody wrote about the answer does. Triggers allow exactly
this.
"""

from __future__ import annotations

from django.utils import timezone

from gradus.accounts.models import User
from gradus.reviews.models import Appeal, GoldRow, JudgeCall, Regrade, Review, Snippet
from gradus.reviews.services.locks import FREE
from gradus.submissions import services


def end_waiting(user: User) -> None:
    """Ends reviews and appeals that nobody has decided, in the transaction that deletes the account.

    Whoever decides one at this moment holds the learner: it is decided before, or refused afterwards.
    """
    now = timezone.now()
    kept = {"stage": Appeal.Stage.CLOSED, "outcome": Appeal.Outcome.KEPT, "closed_at": now}
    Appeal.objects.filter(submission__user=user, closed_at=None).update(**kept)
    waiting = Review.objects.undecided().filter(submission__user=user)
    # An audit is never withdrawn; one that nobody has decided has measured nothing.
    waiting.filter(kind=Review.Kind.AUDIT).delete()
    waiting.update(withdrawn_at=now, follows=None, **FREE)
    services.withdraw_waiting(user)


def forget(user: User) -> None:
    """Removes the answers and what was written about them."""
    Appeal.objects.filter(submission__user=user).update(text="")
    GoldRow.objects.filter(review__submission__user=user).delete()
    Review.objects.filter(submission__user=user).update(reason="", comment="")
    calls = JudgeCall.objects.filter(evaluation__submission__user=user)
    calls.update(request={}, response="", reply=None, problem="", key="")
    Regrade.objects.filter(learner=user).update(note="")
    Snippet.objects.filter(user=user).delete()
    Review.objects.filter(locked_by=user).update(**FREE)
