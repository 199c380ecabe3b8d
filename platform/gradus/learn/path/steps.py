"""The learning path: what is locked, open, passed or gold for a learner, and what comes next."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Max, Value

from gradus.accounts.models import User
from gradus.classes import access as dates
from gradus.classes import policy
from gradus.classes.policy import Decision
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.submissions.models import HintsTaken, Standing, Submission

# Newest version first, by challenge and track.
Standings = dict[tuple[int, str], list[Standing]]
LOCKED, OPEN, PROVISIONAL, PASSED, GOLD = "locked", "open", "provisional", "passed", "gold"


@dataclass(frozen=True)
class ChallengeStep:
    """A challenge and how far the learner is. What was passed under an older version stays passed.

    `standing` is that of the track which passing asks for, under the live version if there is one. `decision` says what
    the dates of the learner's class allow at this moment.
    """

    challenge: Challenge
    state: str
    standing: Standing | None = None
    attempts: int = 0
    is_next: bool = False
    decision: Decision = policy.OPEN

    @property
    def is_to_do(self) -> bool:
        """True if it is not passed yet, and can be submitted at this moment."""
        return self.state in (OPEN, LOCKED) and self.decision.submits


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
    decision: Decision = policy.OPEN

    @property
    def done(self) -> int:
        return sum(step.state in (PASSED, GOLD) for step in self.challenges)

    @property
    def is_open(self) -> bool:
        """True if the dates of a class show the lesson and all its challenges."""
        return self.decision.sees and all(step.decision.sees for step in self.challenges)

    @property
    def is_verified(self) -> bool:
        """True if this server has run the baselines of all its challenges itself."""
        return all(step.challenge.version and step.challenge.version.is_verified for step in self.challenges)


@dataclass(frozen=True)
class CoursePath:
    """A course and how far the learner is. `worked` holds the keys of the challenges that the learner has worked on, in
    any course, the last one first.
    """

    course: Course
    lessons: tuple[LessonStep, ...]
    worked: tuple[int, ...] = ()

    @property
    def touched(self) -> ChallengeStep | None:
        """The challenge of this course that the learner worked on last."""
        steps = {step.challenge.pk: step for lesson in self.lessons for step in lesson.challenges}
        return next((steps[key] for key in self.worked if key in steps), None)

    @property
    def hidden(self) -> set[int]:
        """The keys of the challenges that a class does not show the learner yet."""
        return {step.challenge.pk for one in self.lessons for step in one.challenges if not step.decision.sees}

    @property
    def next(self) -> ChallengeStep | None:
        return next((step for lesson in self.lessons for step in lesson.challenges if step.is_next), None)

    def next_in(self, lesson: Lesson, challenge: Challenge | None = None) -> ChallengeStep | None:
        """The one rule for what comes next, for a learner who is in `lesson`, and there in `challenge`, or else in the
        one that they worked on last.

        It is that challenge until it is passed, then what follows it in its lesson, then what precedes it there. Then
        come the lessons that follow, and then the earlier ones, without those that wait for another lesson. What a
        class has not opened yet, or has closed, never comes next.
        """
        if challenge is None and self.touched is not None:
            challenge = self.touched.challenge
        at = next(place for place, step in enumerate(self.lessons) if step.lesson.pk == lesson.pk)
        here = self.lessons[at].challenges
        first = next((n for n, step in enumerate(here) if challenge and step.challenge.pk == challenge.pk), 0)
        if unfinished := next((step for step in (*here[first:], *here[:first]) if step.is_to_do), None):
            return unfinished
        further = (step for one in (*self.lessons[at + 1 :], *self.lessons[:at]) for step in one.challenges)
        return next((step for step in further if step.is_to_do and step.state == OPEN), None)

    @property
    def done(self) -> int:
        """How many challenges are passed."""
        return sum(step.done for step in self.lessons)

    @property
    def provisional(self) -> int:
        """How many challenges are above the pass mark by a grade that nobody has settled."""
        return sum(step.state == PROVISIONAL for lesson in self.lessons for step in lesson.challenges)

    @property
    def golds(self) -> int:
        return sum(step.state == GOLD for lesson in self.lessons for step in lesson.challenges)

    @property
    def total(self) -> int:
        return sum(len(lesson.challenges) for lesson in self.lessons)

    @property
    def is_verified(self) -> bool:
        return all(step.is_verified for step in self.lessons)

    def of(self, lesson: Lesson) -> LessonStep:
        return next(step for step in self.lessons if step.lesson.pk == lesson.pk)

    def after(self, lesson: Lesson) -> LessonStep | None:
        """The first lesson that follows and is not passed yet."""
        later = (step for step in self.lessons if step.lesson.position > lesson.position)
        return next((step for step in later if step.state in (OPEN, LOCKED)), None)


def paths(user: User | None) -> list[CoursePath]:
    """The path through every published course that the person finds in lists."""
    return _walked(user, catalogue.found().courses)


def path_of(user: User | None, course: Course) -> CoursePath:
    """`course` is one of the catalogue's."""
    return _walked(user, [course])[0]


def _walked(user: User | None, courses: Iterable[Course]) -> list[CoursePath]:
    standings = standings_of(user)
    attempts, worked = _attempts(user) if user else ({}, ())
    walked = list(courses)
    lessons = [lesson for course in walked for lesson in course.current_lessons]
    places: list[dates.Place] = [*lessons, *(one for lesson in lessons for one in lesson.current_challenges)]
    decisions = dates.decisions_for(user, places)
    return [_dated(_course_path(course, standings, attempts), worked, decisions) for course in walked]


def _dated(path: CoursePath, worked: tuple[int, ...], decisions: Mapping[dates.Place, Decision]) -> CoursePath:
    """Returns the path with what the dates of a class allow, and with what comes next.

    What is not open yet comes later, like a lesson that waits for another one.
    """

    def state(now: str, decision: Decision) -> str:
        return LOCKED if now == OPEN and not decision.sees else now

    def dated(step: ChallengeStep) -> ChallengeStep:
        decision = decisions[step.challenge]
        return replace(step, decision=decision, state=state(step.state, decision))

    lessons = tuple(
        replace(
            one,
            decision=decisions[one.lesson],
            state=state(one.state, decisions[one.lesson]),
            challenges=tuple(map(dated, one.challenges)),
        )
        for one in path.lessons
    )
    return _with_next(CoursePath(path.course, lessons, worked))


def standings_of(user: User | None, challenge: Challenge | None = None) -> Standings:
    """In every challenge, or in one."""
    standings: Standings = defaultdict(list)
    kept = Standing.objects.of(user).select_related("version").defer(*ChallengeVersion.content("version"))
    if challenge is not None:
        kept = kept.filter(challenge=challenge)
    for standing in kept.order_by("-version", "-passed", "provisional", "-shown") if user else ():
        standings[standing.challenge_id, standing.track].append(standing)
    return standings


def by_track(challenge: Challenge, standings: Standings) -> tuple[list[Standing], list[Standing]]:
    """Those on the track that passing asks for, and those on the challenge's other tracks."""
    others = [standing for track in challenge.spec.also for standing in standings.get((challenge.pk, track), [])]
    return standings.get((challenge.pk, challenge.kind), []), others


def shown_standing(challenge: Challenge, standings: Sequence[Standing]) -> Standing | None:
    """Of the live version, else of the newest one; `standings` are newest first."""
    live = (standing for standing in standings if standing.version_id == challenge.version_id)
    return next(live, standings[0] if standings else None)


def state_of(standings: Sequence[Standing], others: Sequence[Standing] = ()) -> str:
    """Under any version. Gold on another track counts as soon as the challenge is passed on its own.

    A provisional grade above the pass mark is a state of its own: it opens what comes next, and is not called passed.
    """
    if any(standing.gold for standing in standings):
        return GOLD
    if not any(standing.is_passed for standing in standings):
        return PROVISIONAL if any(standing.passed for standing in standings) else OPEN
    return GOLD if any(standing.gold for standing in others) else PASSED


def has_passed(user: User | None, challenge: Challenge) -> bool:
    """Passed for good: a provisional grade opens lessons, but not the solution."""
    return (
        user is not None
        and Standing.objects.of(user)
        .filter(challenge=challenge, track=challenge.kind, passed=True, provisional=False)
        .exists()
    )


def _attempts(user: User) -> tuple[dict[int, int], tuple[int, ...]]:
    """Returns the number of attempts at each challenge, and the challenges with an attempt or a run of any purpose, the
    newest first; without any, those whose hints were read.
    """
    submitted = Submission.objects.of(user).order_by().values_list("challenge")
    ran = user.runs.order_by().values_list("version__challenge")
    rows: list[tuple[int, int, datetime]] = list(
        submitted.annotate(n=Count("pk"), last=Max("created_at")).union(
            ran.annotate(n=Value(0), last=Max("created_at")), all=True
        )
    )
    worked = tuple(row[0] for row in sorted(rows, key=lambda row: row[2], reverse=True))
    read = HintsTaken.objects.filter(user=user).order_by("-pk").values_list("challenge_id", flat=True)
    return {challenge: n for challenge, n, _ in rows if n}, worked or tuple(read)


def _course_path(course: Course, standings: Standings, attempts: dict[int, int]) -> CoursePath:
    steps: list[LessonStep] = []
    for lesson in course.current_lessons:
        waits = tuple(s.lesson for s in steps if s.lesson.name in lesson.parsed.requires and s.state in (OPEN, LOCKED))
        needs = tuple(one for one in course.current_lessons if one.name in lesson.parsed.requires)
        needed_by = tuple(one for one in course.current_lessons if lesson.name in one.parsed.requires)
        step = _lesson_step(lesson, waits, standings, attempts)
        steps.append(replace(step, needs=needs, needed_by=needed_by))
    return CoursePath(course, tuple(steps))


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
    if PROVISIONAL in states:
        return PROVISIONAL
    return GOLD if states == {GOLD} else PASSED


def _with_next(path: CoursePath) -> CoursePath:
    """Marks what comes next for a learner who is where they worked last in this course, else at its beginning."""
    if not path.lessons:
        return path
    following = path.next_in(path.touched.challenge.lesson if path.touched else path.lessons[0].lesson)
    lessons = tuple(
        replace(one, challenges=tuple(replace(step, is_next=step is following) for step in one.challenges))
        for one in path.lessons
    )
    return replace(path, lessons=lessons)
