from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.questions import services
from gradus.questions.models import Answer, Part
from gradus.submissions.services import Refused
from tests.challenges.factory import write_course
from tests.factories import publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    publish(read_course(write_course(tmp_path / "course")))
    return catalogue.now().lesson("first")


def give(user: User, lesson: Lesson, part: Part, right: int) -> None:
    """Answers all questions of a part, the first `right` of them rightly."""
    for place, question in enumerate(services.parts(lesson)[part]):
        option = question.right if place < right else (question.right + 1) % 3
        services.answer(user, lesson, question, part, option)


def test_the_first_answer_counts(ada: User, lesson: Lesson) -> None:
    (question,) = services.parts(lesson)[Part.CHECK]
    first = services.answer(ada, lesson, question, Part.CHECK, 2)
    assert services.answer(ada, lesson, question, Part.CHECK, 0) == first
    assert (Answer.objects.get().option, Answer.objects.get().is_right) == (2, False)
    assert services.answers(ada, lesson) == {"water": first}


def test_an_answer_stays_as_it_was_given(ada: User, lesson: Lesson) -> None:
    give(ada, lesson, Part.CHECK, 0)
    with pytest.raises(DatabaseError, match="stays as it was given"), transaction.atomic():
        Answer.objects.update(is_right=True)
    ada.delete()
    assert not Answer.objects.exists()


def test_an_option_that_there_is_not_is_refused(ada: User, lesson: Lesson) -> None:
    (question,) = services.parts(lesson)[Part.CHECK]
    with pytest.raises(Refused) as refused:
        services.answer(ada, lesson, question, Part.CHECK, 3)
    assert (refused.value.code, refused.value.status) == ("no_such_option", 422)
    assert not Answer.objects.exists()


def test_questions_before_the_lesson_close_with_the_first_one_after_it(ada: User, lesson: Lesson) -> None:
    after = services.parts(lesson)[Part.AFTER][0]
    services.answer(ada, lesson, after, Part.AFTER, 0)
    with pytest.raises(Refused) as refused:
        give(ada, lesson, Part.BEFORE, 2)
    assert refused.value.status == 409


def test_other_words_are_another_question(ada: User, lesson: Lesson) -> None:
    give(ada, lesson, Part.CHECK, 1)
    asked = lesson.spec["questions"]
    asked["check"][0]["question"] = "What moves the water now?"
    changed = Lesson(pk=lesson.pk, spec={**lesson.spec, "questions": asked})
    assert services.answers(ada, changed) == {}


def test_the_gain_is_shown_from_twenty_learners_on(lesson: Lesson) -> None:
    users = [User.objects.create_guest() for _ in range(services.SHOWN_FROM + 3)]
    for place, user in enumerate(users[: services.SHOWN_FROM]):
        assert services.gain(lesson) is None
        give(user, lesson, Part.BEFORE, place % 2)
        give(user, lesson, Part.AFTER, 2)
    found = services.gain(lesson)
    assert found == services.Gain(learners=20, questions=2, before=0.5, after=2.0)

    give(users[-1], lesson, Part.AFTER, 0)
    give(users[-2], lesson, Part.BEFORE, 0)
    assert services.gain(lesson) == found, "those who did not answer all of them do not count"

    give(users[-3], lesson, Part.BEFORE, 0)
    give(users[-3], lesson, Part.AFTER, 0)
    later = timezone.now() + timedelta(hours=1)
    question = services.parts(lesson)[Part.BEFORE][0]
    # What the service refuses does not count either if it got into the table some other way.
    Answer.objects.filter(user=users[-3], question=question.id).delete()
    Answer.objects.create(
        user=users[-3], lesson=lesson, part=Part.BEFORE, question=question.id, content=services.content_of(question),
        option=0, is_right=False, created_at=later,
    )  # fmt: skip
    assert services.gain(lesson) == found
