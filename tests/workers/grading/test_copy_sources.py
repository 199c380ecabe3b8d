"""The texts in the database with which a free-text answer is compared."""

from __future__ import annotations

import pytest

from graders.free_text import copies
from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import Challenge
from gradus.submissions.models import Submission
from tests.reviews.cases import submit
from tests.workers.jobs import prepared
from workers.transport import judging

ANSWER = (
    "The catalogue changes daily, so a look-up in the shop's own data is better than any training of the weights, "
    "which would be old again before the shop has opened its doors."
)


def sources(submission: Submission) -> dict[str, str]:
    return judging.copy_sources(submission, submission.version)


def test_the_texts_of_the_course_are_sources_of_an_assignment(ada: User, explain: Challenge) -> None:
    submission, version = submit(ada, ANSWER), explain.version
    texts = sources(submission)
    assert version is not None and texts["lesson"] == explain.lesson.text
    assert (texts["solution"], texts["statement"]) == (version.solution, version.statement)
    assert all(row["question"] in texts["faq"] for row in explain.lesson.spec["faq"])
    with prepared(submission.current) as assignment:
        assert assignment.sources == texts


def test_a_later_answer_of_another_learner_is_compared_with_an_earlier_one(
    ada: User, bob: User, explain: Challenge
) -> None:
    first = submit(ada, ANSWER)
    again, copied = submit(ada, ANSWER + " Yes.", withdraw_earlier=True), submit(bob, ANSWER)
    name = f"learner:{first.pk}"
    assert not [found for found in sources(again) if found.startswith("learner:")]
    assert sources(copied)[name] == ANSWER
    shares = copies.shares(ANSWER, bundles.load(copied.version), sources(copied))
    assert copies.rules(shares)[0].startswith("copied-from: learner:")
    assert ada.pseudonym not in str(copies.rules(shares))


def test_only_the_newest_answers_are_read(
    ada: User, bob: User, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "OTHERS_MAX", 1)
    submit(ada, ANSWER)
    newest = submit(ada, "Another text about the same matter.", withdraw_earlier=True)
    own = submit(bob, ANSWER)
    assert judging.other_answers(own) == {f"learner:{newest.pk}": "Another text about the same matter."}
