"""Where a learner left off: the challenge of the last attempt or run, else the next one of the path."""

from dataclasses import dataclass

from gradus.accounts.models import User
from gradus.learn.path.steps import GOLD, LOCKED, OPEN, PASSED, ChallengeStep, CoursePath


@dataclass(frozen=True)
class Resume:
    """`step` is where to go on: the next step of the path through the course that the learner is in, which is `touched`
    itself until it is passed. When that course has no next step, it is `touched` while gold is in reach.

    `touched` is None where that challenge is no longer published.
    """

    step: ChallengeStep
    touched: ChallengeStep | None

    @property
    def goal(self) -> str:
        """The next mark of the step that has not been reached: `pass`, then `gold`; empty where there is none."""
        if self.step.state in (OPEN, LOCKED):
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
    """None for those who have not begun, and where nothing is left to do in the course that they are in."""
    path = current(paths)
    if user is None or path is None:
        return None
    # What was worked on last may no longer be published.
    last = path.touched if path.touched and path.touched.challenge.pk == path.worked[0] else None
    step = path.next or last
    if step is None or (not path.next and (step.state == GOLD or step.challenge.spec.gold is None)):
        return None
    return Resume(step, last)


def current(paths: list[CoursePath]) -> CoursePath | None:
    """The path through the course that the learner worked on last. None for those who have not begun."""
    of = {step.challenge.pk: path for path in paths for one in path.lessons for step in one.challenges}
    return next((of[key] for path in paths[:1] for key in path.worked if key in of), None)
