from gradus.submissions.errors import State
from tests import factories


def test_cast_submits_and_is_graded(ada, course):
    submission = factories.submit(ada)
    assert submission.current.state == State.QUEUED
    factories.grade(submission, 0.71)
    assert submission.current.state == State.SCORED
    assert submission.current.score.shown == 0.7
