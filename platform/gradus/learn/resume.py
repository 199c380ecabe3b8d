"""Where a learner left off: the challenge of the last attempt or run, else the next one of the path."""

from dataclasses import dataclass
from datetime import datetime

from gradus.accounts.models import User
from gradus.learn.path import GOLD, OPEN, PASSED, ChallengeStep, CoursePath
from gradus.submissions.models import HintsTaken, Submission


@dataclass(frozen=True)
class Resume:
    """`step` is where to go on: `touched` itself while it is open, and afterwards the next step of the path.

    `touched` is None where that challenge is no longer published.
    """

    step: ChallengeStep
    touched: ChallengeStep | None

    @property
    def goal(self) -> str:
        """The next mark of the step that has not been reached: `pass`, then `gold`; empty where there is none."""
        if self.step.state == OPEN:
            return "pass"
        return "gold" if self.step.state == PASSED and self.step.challenge.spec.gold is not None else ""

    @property
    def distance(self) -> float | None:
        """How far the best score is below the goal; None without a score."""
        spec, standing = self.step.challenge.spec, self.step.standing
        mark = {"pass": spec.pass_, "gold": spec.gold}.get(self.goal)
        if standing is None or mark is None:
            return None
        return max(0.0, round(mark - standing.shown, 10))


def resume(user: User | None, paths: list[CoursePath]) -> Resume | None:
    """None for those who have not begun, and where nothing is left to do."""
    if user is None:
        return None
    steps = {step.challenge.pk: step for path in paths for lesson in path.lessons for step in lesson.challenges}
    touched = steps.get(_last_touched(user) or 0)
    if touched is None and not any(step.attempts for step in steps.values()):
        return None
    following = next((path.next for path in paths if path.next), None)
    step = touched if touched and touched.state == OPEN else following or touched
    return Resume(step, touched) if step and step.state != GOLD else None


def _last_touched(user: User) -> int | None:
    """The challenge of the newest attempt or run of any purpose; else one whose hints were read."""
    attempt = Submission.objects.of(user).order_by("-pk").values_list("created_at", "challenge_id").first()
    run = user.runs.order_by("-pk").values_list("created_at", "version__challenge_id").first()
    found: list[tuple[datetime, int]] = [made for made in (attempt, run) if made]
    if found:
        return max(found)[1]
    return HintsTaken.objects.filter(user=user).order_by("-pk").values_list("challenge_id", flat=True).first()
