"""The learning path: what is locked, open, passed or gold for a learner, and what comes next."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.submissions.models import Standing, Submission

# Newest version first, by challenge and track.
Standings = dict[tuple[int, str], list[Standing]]
LOCKED, OPEN, PASSED, GOLD = "locked", "open", "passed", "gold"


@dataclass(frozen=True)
class ChallengeStep:
    """A challenge and how far the learner is. What was passed under an older version stays passed.

    `standing` is that of the track which passing asks for, under the live version if there is one.
    """

    challenge: Challenge
    state: str
    standing: Standing | None = None
    attempts: int = 0
    is_next: bool = False


@dataclass(frozen=True)
class LessonStep:
    """A lesson and how far the learner is. It builds on `needs`, of which `waits_for` are not passed yet, and is itself
    needed by others. Nobody is kept from a lesson that waits: it only comes later on the path.
    """

    lesson: Lesson
    state: str
    challenges: tuple[ChallengeStep, ...]
    waits_for: tuple[Lesson, ...] = ()
    needs: tuple[Lesson, ...] = ()
    needed_by: tuple[Lesson, ...] = ()

    @property
    def done(self) -> int:
        return sum(step.state in (PASSED, GOLD) for step in self.challenges)


@dataclass(frozen=True)
class CoursePath:
    course: Course
    lessons: tuple[LessonStep, ...]

    @property
    def next(self) -> ChallengeStep | None:
        return next((step for lesson in self.lessons for step in lesson.challenges if step.is_next), None)

    @property
    def done(self) -> int:
        """How many challenges are passed."""
        return sum(step.done for step in self.lessons)

    @property
    def golds(self) -> int:
        return sum(step.state == GOLD for lesson in self.lessons for step in lesson.challenges)

    @property
    def total(self) -> int:
        return sum(len(lesson.challenges) for lesson in self.lessons)

    def of(self, lesson: Lesson) -> LessonStep:
        return next(step for step in self.lessons if step.lesson.pk == lesson.pk)

    def after(self, lesson: Lesson) -> LessonStep | None:
        """The lesson that follows."""
        later = [step for step in self.lessons if step.lesson.position > lesson.position]
        return later[0] if later else None


def paths(user: User | None) -> list[CoursePath]:
    """The path through every published course."""
    return _walked(user, catalogue.now().courses)


def path_of(user: User | None, course: Course) -> CoursePath:
    """`course` is one of the catalogue's."""
    return _walked(user, [course])[0]


def _walked(user: User | None, courses: Iterable[Course]) -> list[CoursePath]:
    standings = standings_of(user)
    attempts = _attempts(user)
    return [_course_path(course, standings, attempts) for course in courses]


def standings_of(user: User | None, challenge: Challenge | None = None) -> Standings:
    """In every challenge, or in one."""
    found: Standings = defaultdict(list)
    kept = Standing.objects.of(user).select_related("version").defer(*ChallengeVersion.content("version"))
    if challenge is not None:
        kept = kept.filter(challenge=challenge)
    for standing in kept.order_by("-version") if user else ():
        found[standing.challenge_id, standing.track].append(standing)
    return found


def by_track(challenge: Challenge, standings: Standings) -> tuple[list[Standing], list[Standing]]:
    """Those on the track that passing asks for, and those on the challenge's other tracks."""
    others = [standing for track in challenge.spec.also for standing in standings.get((challenge.pk, track), [])]
    return standings.get((challenge.pk, challenge.kind), []), others


def shown_standing(challenge: Challenge, standings: Sequence[Standing]) -> Standing | None:
    """Of the live version, else of the newest one; `standings` are newest first."""
    live = (standing for standing in standings if standing.version_id == challenge.version_id)
    return next(live, standings[0] if standings else None)


def state_of(standings: Sequence[Standing], others: Sequence[Standing] = ()) -> str:
    """Under any version. Gold on another track counts as soon as the challenge is passed on its own."""
    if any(standing.gold for standing in standings):
        return GOLD
    if not any(standing.passed for standing in standings):
        return OPEN
    return GOLD if any(standing.gold for standing in others) else PASSED


def has_passed(user: User | None, challenge: Challenge) -> bool:
    """Passed for good: a provisional grade opens lessons, but not the solution."""
    return (
        user is not None
        and Standing.objects.of(user)
        .filter(challenge=challenge, track=challenge.kind, passed=True, provisional=False)
        .exists()
    )


def _attempts(user: User | None) -> dict[int, int]:
    if user is None:
        return {}
    counted = Submission.objects.of(user).order_by().values("challenge").annotate(n=Count("pk"))
    return {row["challenge"]: row["n"] for row in counted}


def _course_path(course: Course, standings: Standings, attempts: dict[int, int]) -> CoursePath:
    steps: list[LessonStep] = []
    for lesson in course.current_lessons:
        waits = tuple(s.lesson for s in steps if s.lesson.name in lesson.parsed.requires and s.state in (OPEN, LOCKED))
        needs = tuple(one for one in course.current_lessons if one.name in lesson.parsed.requires)
        needed_by = tuple(one for one in course.current_lessons if lesson.name in one.parsed.requires)
        step = _lesson_step(lesson, waits, standings, attempts)
        steps.append(replace(step, needs=needs, needed_by=needed_by))
    return _with_next(CoursePath(course, tuple(steps)))


def _lesson_step(
    lesson: Lesson,
    waits_for: tuple[Lesson, ...],
    standings: Standings,
    attempts: dict[int, int],
) -> LessonStep:
    steps = tuple(
        _challenge_step(c, standings, attempts.get(c.pk, 0), locked=bool(waits_for)) for c in lesson.current_challenges
    )
    return LessonStep(lesson, LOCKED if waits_for else _together(steps), steps, waits_for)


def _challenge_step(challenge: Challenge, standings: Standings, attempts: int, *, locked: bool) -> ChallengeStep:
    own, others = by_track(challenge, standings)
    state = state_of(own, others)
    if locked and state == OPEN:
        state = LOCKED
    return ChallengeStep(challenge, state, shown_standing(challenge, own), attempts)


def _together(steps: tuple[ChallengeStep, ...]) -> str:
    states = {step.state for step in steps}
    if not states or OPEN in states:
        return OPEN
    return GOLD if states == {GOLD} else PASSED


def _with_next(path: CoursePath) -> CoursePath:
    """Marks the first open challenge."""
    for at, lesson in enumerate(path.lessons):
        for place, step in enumerate(lesson.challenges):
            if step.state == OPEN:
                marked = (*lesson.challenges[:place], replace(step, is_next=True), *lesson.challenges[place + 1 :])
                changed = replace(lesson, challenges=marked)
                return replace(path, lessons=(*path.lessons[:at], changed, *path.lessons[at + 1 :]))
    return path
