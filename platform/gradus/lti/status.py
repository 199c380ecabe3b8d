"""What operators have to know of each platform, for its page and for `doctor`: what waits for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from gradus.lti.models import Delivery, LineItem, Platform


@dataclass(frozen=True)
class Waiting:
    """What waits for an operator (deployments and courses) and for the platform (grades). `refused` are grades, too.

    `columns` are those of its gradebook to which grades go, and `arrived_at` is when it last took one.
    """

    deployments: int
    courses: int
    columns: int
    grades: int
    refused: int
    arrived_at: datetime | None


def waiting(platform: Platform) -> Waiting:
    """Counts what waits."""
    known = list(platform.deployments.all())
    all_of_it = Delivery.objects.filter(line_item__context__deployment__platform=platform)
    of_classes = all_of_it.filter(line_item__context__of_class__isnull=False)
    unsent = of_classes.exclude(state=Delivery.State.DELIVERED).order_by()
    states = dict(unsent.values_list("state").annotate(Count("pk")))
    return Waiting(
        deployments=sum(one.approved_at is None for one in known),
        courses=sum(course.of_class_id is None for one in known for course in one.contexts.all()),
        columns=LineItem.objects.filter(context__deployment__platform=platform).count(),
        grades=states.get(Delivery.State.WAITING, 0),
        refused=states.get(Delivery.State.REFUSED, 0),
        arrived_at=all_of_it.aggregate(last=Max("delivered_at"))["last"],
    )
