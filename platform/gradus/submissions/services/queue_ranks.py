"""How early an evaluation is claimed: workers take the lowest `fair_share_rank` of a lane first, and of equal ranks the
oldest evaluation.
"""

from gradus.submissions.models import Evaluation, Grader, Run, Submission

# Staff asked for a trial of new grades: learners do not wait for it.
SHADOW = 1000
# Nobody waits for a baseline: learners' work and regrades are claimed before it.
BASELINE = 1_000_000
# Time is measured when nothing else waits in the lane, or runs in it.
MEASUREMENT = 2_000_000


def of_submission(submission: Submission) -> int:
    """The number of evaluations that the learner has open already, so that many submissions of one learner do not hold
    up another learner's first one.
    """
    return Evaluation.objects.open().filter(submission__user=submission.user).count()


def of_run(purpose: str, open_before: int) -> int:
    """As for submissions, by the learner's open runs; baselines come last."""
    return BASELINE if purpose == Run.Purpose.BASELINE else open_before


def of_regrade(*, shadow: bool, grader: str) -> int:
    """First, because a learner or a person waits for it; last of all learners' work if it changes no grade yet."""
    return SHADOW if shadow and grader == Grader.AI else 0
