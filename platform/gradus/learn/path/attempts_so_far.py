"""All that a learner has attempted, one entry for each challenge, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.learn.path import steps
from gradus.submissions.models import Standing, Submission


@dataclass(frozen=True)
class Tried:
    """A challenge with the number of attempts, the time of the last one, and the best result if there is one."""

    challenge: Challenge
    attempts: int
    last: datetime
    state: str
    standing: Standing | None


def tried(user: User) -> Sequence[Tried]:
    """The challenges that are offered now. What was attempted of others is in the export of one's data."""
    offered = {challenge.pk: challenge for challenge in catalogue.now().challenges.values()}
    standings = steps.standings_of(user)
    counted = Submission.objects.of(user).order_by().values("challenge").annotate(n=Count("pk"), at=Max("created_at"))
    rows = [(offered[row["challenge"]], row["n"], row["at"]) for row in counted if row["challenge"] in offered]
    return [_tried(*row, standings) for row in sorted(rows, key=lambda row: row[2], reverse=True)]


def _tried(challenge: Challenge, attempts: int, last: datetime, standings: steps.Standings) -> Tried:
    own, others = steps.by_track(challenge, standings)
    return Tried(challenge, attempts, last, steps.state_of(own, others), steps.shown_standing(challenge, own))
