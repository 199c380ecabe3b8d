"""The indexes of attempts and evaluations, beside those that foreign keys and unique constraints bring."""

from django.db.models import Index, Q

from challenges.kinds.base import Lane
from gradus.submissions.states import OPEN, State

# The pages of use read these columns of all attempts of a course, and nothing else of the wide rows.
COUNTED = Index(name="use_of_attempts", fields=["challenge"], include=["id", "of_class", "user", "created_at"])
TRAINED = Q(lane=Lane.TRAIN.value, started_at__isnull=False, finished_at__isnull=False)

OF_ATTEMPTS = [
    Index(name="equal_texts", fields=["challenge", "text_digest"], condition=~Q(text_digest="")),
    Index(name="attempts_of_a_class", fields=["of_class", "user", "challenge"], condition=Q(of_class__isnull=False)),
    Index(name="withheld", fields=["of_class", "challenge", "user"], condition=Q(details_withheld=True)),
    Index(name="not_fingerprinted", fields=["id"], condition=Q(fingerprinted_at=None)),
    COUNTED,
]
OF_EVALUATIONS = [
    Index(name="queue", fields=["lane", "fair_share_rank", "id"], condition=Q(state=State.QUEUED)),
    Index(name="leases", fields=["lease_until"], condition=Q(state=State.RUNNING)),
    Index(name="ended_lately", fields=["lane", "finished_at"], condition=Q(finished_at__isnull=False)),
    Index(name="still_open", fields=["created_at"], condition=Q(state__in=[s.value for s in OPEN])),
    Index(name="use_of_training", fields=["submission"], include=["started_at", "finished_at"], condition=TRAINED),
    Index(name="use_of_judge", fields=["id"], include=["submission"], condition=Q(lane=Lane.JUDGE.value)),
]
