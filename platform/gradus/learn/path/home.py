"""What the front page shows: to newcomers a real answer of the model, to everybody else the place where they were."""

from dataclasses import dataclass

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course
from gradus.learn.costs.approaches import Board, boards
from gradus.learn.demo.recorded_demo import RecordedDemo, recorded_demo
from gradus.learn.path.look_back import LookBack, look_back
from gradus.learn.path.resume import Resume, current, resume
from gradus.learn.path.steps import ChallengeStep, CoursePath, paths


@dataclass(frozen=True)
class Home:
    """`resume`, `course` and `week` are of a learner who has begun; `demo` and `board` belong to a newcomer's page.

    `course` is the one that the learner is in. `resume` is None when nothing is left to do in it.
    """

    paths: list[CoursePath]
    next: ChallengeStep | None
    done: int
    resume: Resume | None
    course: Course | None
    week: LookBack | None
    demo: RecordedDemo | None
    board: tuple[Challenge, Board] | None


def home(user: User | None) -> Home:
    walked = paths(user)
    place, here = resume(user, walked), current(walked)
    done = sum(found.done for found in walked)
    begun = place is not None or done > 0
    return Home(
        paths=walked,
        next=next((found.next for found in walked if found.next), None),
        done=done,
        resume=place,
        course=here.course if here else None,
        week=look_back(user, walked) if user and begun else None,
        demo=None if begun else _first_demo(),
        board=None if begun else _first_board(),
    )


def _first_demo() -> RecordedDemo | None:
    found = (recorded_demo(lesson) for lesson in catalogue.now().lessons.values())
    return next((demo for demo in found if demo), None)


def _first_board() -> tuple[Challenge, Board] | None:
    """Of the first challenge whose approaches were measured."""
    found = boards(catalogue.now().challenges.values(), None)
    return next(((challenge, board) for challenge, board in found if len(board.best) > 1), None)
