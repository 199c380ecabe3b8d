"""What the bell in the header shows."""

from dataclasses import dataclass

from django.db.models import Count, Exists, Subquery
from django.db.models.functions import Coalesce

from gradus.accounts.models import User
from gradus.notices.models import Notice
from gradus.submissions.models import InFlight, RunSlot


@dataclass(frozen=True)
class Bell:
    """How many notices are new, and whether something of the learner's is going on, so that one may come soon."""

    unseen: int
    waits: bool


def of(user: User) -> Bell:
    """Asks the database once, because every page has the bell."""
    unseen = Notice.objects.of(user).unseen().order_by().values("user").annotate(n=Count("pk")).values("n")
    open_slots = [Exists(slots.objects.filter(user=user)) for slots in (InFlight, RunSlot)]
    counts = User.objects.filter(pk=user.pk).values_list(Coalesce(Subquery(unseen), 0), *open_slots)
    number, *waits = counts.first() or (0, False)
    return Bell(number, any(waits))
