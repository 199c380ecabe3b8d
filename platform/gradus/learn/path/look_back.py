"""What a learner did in the last seven days, and which passed challenges are worth repeating."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from gradus.accounts.models import User
from gradus.learn.path.steps import PASSED, ChallengeStep, CoursePath
from gradus.submissions.models import Run, Submission

WEEK = timedelta(days=7)
REPEATED_MOST = 3


@dataclass(frozen=True)
class LookBack:
    """`bests` are the challenges whose best score was reached in the last week, newest first.

    `repeat` are those that were passed before that, not gold, though gold can be reached; the longest ago comes first.
    """

    attempts: int
    runs: int
    bests: tuple[ChallengeStep, ...]
    repeat: tuple[ChallengeStep, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether the last week held nothing."""
        return not (self.attempts or self.runs or self.bests)


def look_back(user: User, paths: list[CoursePath]) -> LookBack:
    since = timezone.now() - WEEK
    reached = [
        (step.standing.reached_at, step)
        for path in paths
        for lesson in path.lessons
        for step in lesson.challenges
        if step.standing
    ]
    reached.sort(key=lambda pair: pair[0])
    can_improve = [
        step for at, step in reached if at < since and step.state == PASSED and step.challenge.spec.gold is not None
    ]
    return LookBack(
        attempts=Submission.objects.of(user).filter(created_at__gte=since).count(),
        runs=Run.objects.filter(user=user, purpose=Run.Purpose.TRIAL, created_at__gte=since).count(),
        bests=tuple(step for at, step in reversed(reached) if at >= since),
        repeat=tuple(can_improve[:REPEATED_MOST]),
    )
