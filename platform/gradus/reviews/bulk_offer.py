"""Says which answers to a question can be accepted together with the machine's marks, or why none can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import certainty, services
from gradus.reviews.certainty import KNOWN_FROM, Certainty
from gradus.reviews.models import Review
from gradus.reviews.services.bulk import BULK_MOST


@dataclass(frozen=True)
class Offer:
    """The answers whose marks can be accepted together, and in how many decided answers the machine was right.

    `kept_back` more are not shown, because a person marks them blind. If there are none, `why_not` says why.
    """

    answers: list[Review]
    kept_back: int = 0
    right: int = 0
    decided: int = 0
    why_not: str = ""

    @property
    def percent(self) -> int:
        return round(100 * self.right / self.decided) if self.decided else 0


def offer(user: User, challenge: Challenge) -> Offer:
    """Returns what a reviewer can accept together now."""
    known = certainty.by_judge(challenge)
    found = services.acceptable(user, challenge)
    answers = found.offered[:BULK_MOST]
    if not answers and found.kept_back:
        return Offer(
            [],
            why_not=_("At least one answer is always marked without a look at the machine's marks, and no more wait."),
        )
    if not answers:
        return Offer([], why_not=why_not(known))
    earned = [known[judge].bulk for judge in {review.judge for review in answers}]
    return Offer(
        answers,
        kept_back=len(found.kept_back),
        right=sum(share.right for share in earned if share is not None),
        decided=sum(share.answers for share in earned if share is not None),
    )


def why_not(known: Mapping[str, Certainty]) -> str:
    """Says why no marks can be accepted together."""
    best = max(known.values(), key=lambda one: one.decided, default=Certainty(0))
    if not best.known:
        return _(
            "How often the machine is right is %(certainty)s. From %(needed)s decided answers on you may be able to "
            "accept its marks of several answers at once."
        ) % {"certainty": best.in_words(1.0), "needed": KNOWN_FROM}
    if all(one.bulk is None for one in known.values()):
        return _(
            "The machine's marks of several answers cannot be accepted at once, because it was not right often enough "
            "in the answers that people have decided."
        )
    return _(
        "The machine's marks of several answers cannot be accepted at once: about each of the answers that wait, it is "
        "less sure than about those in which it was right often enough, or a person has to read it for another reason."
    )
