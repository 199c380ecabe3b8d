"""What a graded attempt says next: how far it is from the goal, one thing to try, and where the path goes on.

Everything follows from the score as it is shown, floored, and from what the learner can see anyway.
"""

from dataclasses import dataclass

from challenges.spec import Challenge as Spec
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.learn.path import steps
from gradus.submissions.models import Score, Submission
from gradus.submissions.services import hints_taken

PASS, GOLD = "pass", "gold"


@dataclass(frozen=True)
class NextStep:
    """`goal` is what has not been reached yet: the pass mark, then gold; empty where nothing. It is reached at `mark`,
    which is `distance` above the score.

    To try: `hint` is the number of the next hint; `track` is the one that passes, or, when the challenge is passed and
    gold is not reached, one that was not tried yet and can reach gold. `is_done` says that the pass mark is reached,
    by this attempt or an earlier one, perhaps provisionally; then `challenge` is what comes next on the path.
    `is_course_passed` says that all challenges of the course are passed.
    """

    goal: str
    mark: float
    distance: float
    hint: int | None
    track: str
    is_done: bool
    challenge: Challenge | None
    is_new_lesson: bool
    is_course_passed: bool


def next_step(submission: Submission, spec: Spec, score: Score | None) -> NextStep | None:
    """None where there is no score, or the challenge is no longer published. `spec` is what the score was given by."""
    challenge = catalogue.now().challenges.get(submission.challenge.slug)
    if score is None or challenge is None:
        return None
    goal, mark = _goal(spec, submission.kind, score)
    course = steps.path_of(submission.user, challenge.lesson.course)
    step = next(s for s in course.of(challenge.lesson).challenges if s.challenge.pk == challenge.pk)
    following = course.next_in(challenge.lesson, challenge)
    is_done = step.state not in (steps.OPEN, steps.LOCKED)
    hint = next_hint(submission.user, challenge) if goal else None
    return NextStep(
        goal=goal,
        mark=mark,
        distance=max(0.0, round(mark - score.shown, 10)),
        hint=hint,
        track=_track(submission, challenge, is_done=is_done, tries=bool(goal) and hint is None),
        is_done=is_done,
        challenge=following.challenge if following else None,
        is_new_lesson=following is not None and following.challenge.lesson_id != challenge.lesson_id,
        is_course_passed=course.done == course.total,
    )


def _goal(spec: Spec, track: str, score: Score) -> tuple[str, float]:
    if not score.passed:
        return PASS, spec.pass_
    gold = spec.gold_of(track)
    if score.gold or score.provisional or gold is None:
        return "", 0.0
    return GOLD, gold


def next_hint(user: User, challenge: Challenge) -> int | None:
    """Returns the number of the hint that the learner may take next, from 1; None if all are taken."""
    taken = len(hints_taken(user, challenge))
    return taken + 1 if taken < len(challenge.spec.hints) else None


def _track(submission: Submission, challenge: Challenge, *, is_done: bool, tries: bool) -> str:
    """The track that passes, where this attempt is on another one; else one that can reach gold and was not tried yet.

    Only `challenge.kind` passes, so no other track is advised before the challenge is passed.
    """
    if not is_done:
        return challenge.kind if submission.kind != challenge.kind else ""
    if not tries:
        return ""
    tried = set(Submission.objects.of(submission.user).filter(challenge=challenge).values_list("kind", flat=True))
    spec = challenge.spec
    return next((kind for kind in spec.tracks if kind not in tried and spec.gold_of(kind) is not None), "")
