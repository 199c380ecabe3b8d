"""What the bell in the header shows."""

from dataclasses import dataclass

from gradus.accounts.models import User
from gradus.notices.models import Notice
from gradus.submissions.models import InFlight, RunSlot


@dataclass(frozen=True)
class Bell:
    """How many notices are new, and whether something of the learner's is going on, so that one may come soon."""

    unseen: int
    waits: bool


def of(user: User) -> Bell:
    unseen = Notice.objects.of(user).unseen().count()
    return Bell(unseen, InFlight.objects.filter(user=user).exists() or RunSlot.objects.filter(user=user).exists())
