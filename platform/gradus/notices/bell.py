"""What the bell in the header shows."""

from dataclasses import dataclass

from django.db.models import Count, Exists, Subquery
from django.db.models.functions import Coalesce

from gradus.accounts.models import User
from gradus.notices.models import Notice
from gradus.submissions import limits
from gradus.submissions.models import Slot


@dataclass(frozen=True)
class Bell:
    """How many notices are new, and whether something of the learner's is going on, so that one may come soon."""

    unseen: int
    waits: bool


def of(user: User) -> Bell:
    """Asks the database once, because every page has the bell."""
    unseen = Notice.objects.of(user).unseen().order_by().values("user").annotate(n=Count("pk")).values("n")
    is_open = Exists(Slot.objects.of(*limits.UNTIL_THE_END).filter(user=user))
    counts = User.objects.filter(pk=user.pk).values_list(Coalesce(Subquery(unseen), 0), is_open)
    number, waits = counts.first() or (0, False)
    return Bell(number, waits)
