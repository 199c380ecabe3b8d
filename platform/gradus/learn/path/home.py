"""What the front page shows: to newcomers a real answer of the model, to everybody else the place where they were and
what the last seven days held.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course
from gradus.learn.costs.approaches import Approaches, approaches_of_each
from gradus.learn.demo.demo import RecordedDemo, recorded_demo
from gradus.learn.path.steps import GOLD, LOCKED, OPEN, PASSED, ChallengeStep, CoursePath, paths
from gradus.submissions.models import Run, Submission


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
        runs=Run.objects.trials().filter(user=user, created_at__gte=since).count(),
        bests=tuple(step for at, step in reversed(reached) if at >= since),
        repeat=tuple(can_improve[:REPEATED_MOST]),
    )


@dataclass(frozen=True)
class Home:
    """`resume`, `course` and `week` are of a learner who has begun; `demo` and `compared` belong to a newcomer's page.

    `done` counts the challenges that are passed, and `provisional` those above the pass mark by a provisional grade.
    `course` is the one that the learner is in. `resume` is None when nothing is left to do in it.
    """

    paths: list[CoursePath]
    next: ChallengeStep | None
    done: int
    provisional: int
    resume: Resume | None
    course: Course | None
    week: LookBack | None
    demo: RecordedDemo | None
    compared: tuple[Challenge, Approaches] | None


def home(user: User | None) -> Home:
    walked = paths(user)
    place, here = resume(user, walked), current(walked)
    done = sum(one.done for one in walked)
    provisional = sum(path.provisional for path in walked)
    begun = place is not None or done + provisional > 0
    return Home(
        paths=walked,
        next=next((one.next for one in walked if one.next), None),
        done=done,
        provisional=provisional,
        resume=place,
        course=here.course if here else None,
        week=look_back(user, walked) if user and begun else None,
        demo=None if begun else _first_demo(walked),
        compared=None if begun else _first_compared(walked),
    )


def _first_demo(paths: list[CoursePath]) -> RecordedDemo | None:
    """Of the first lesson with one, if a class does not keep anything of it from the learner."""
    lessons = (step for path in paths for step in path.lessons if step.is_open)
    demos = (recorded_demo(step.lesson) for step in lessons)
    return next((demo for demo in demos if demo), None)


def _first_compared(paths: list[CoursePath]) -> tuple[Challenge, Approaches] | None:
    """Of the first challenge whose approaches were measured."""
    hidden = set[int]().union(*(path.hidden for path in paths))
    shown = [one for one in catalogue.found().challenges.values() if one.pk not in hidden]
    pairs = approaches_of_each(shown, None)
    return next(((challenge, shown) for challenge, shown in pairs if len(shown.best) > 1), None)
