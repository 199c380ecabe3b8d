"""The questions of a lesson as one learner sees them."""

from collections.abc import Mapping
from dataclasses import dataclass

from challenges.lesson.spec import ChoiceQuestion
from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.questions import services
from gradus.questions.models import Answer, Part
from gradus.questions.services import Gain


@dataclass(frozen=True)
class Asked:
    """A question, and its first answer if there is one. `is_explained` says that the right option may be shown."""

    question: ChoiceQuestion
    answer: Answer | None
    is_explained: bool


@dataclass(frozen=True)
class Group:
    """Questions that stand together. `right` counts right answers; `gain` is that of all learners, if it is known."""

    part: Part
    asked: tuple[Asked, ...]
    gain: Gain | None = None

    @property
    def answered(self) -> int:
        return sum(one.answer is not None for one in self.asked)

    @property
    def is_whole(self) -> bool:
        return self.answered == len(self.asked)

    @property
    def right(self) -> int:
        return sum(one.answer is not None and one.answer.is_right for one in self.asked)

    @property
    def is_explained(self) -> bool:
        return all(one.is_explained for one in self.asked)


@dataclass(frozen=True)
class Shown:
    """All questions of a lesson: those of its text by id, and the two groups; None where there are none."""

    checks: Mapping[str, Group]
    before: Group | None
    after: Group | None

    def holding(self, name: str) -> tuple[Group, Asked] | None:
        """The group of a question, and the question."""
        groups = (*self.checks.values(), self.before, self.after)
        pairs = ((group, one) for group in groups if group for one in group.asked if one.question.id == name)
        return next(pairs, None)


def shown(lesson: Lesson, user: User | None) -> Shown:
    """Questions before and after the lesson are explained when all those after it are answered.

    Else the explanations of the first would be what the last measure.
    """
    given = services.answers(user, lesson)
    asked = lesson.parsed.questions
    ended = bool(asked.after) and all(question.id in given for question in asked.after)

    def group(part: Part, questions: tuple[ChoiceQuestion, ...], gain: Gain | None = None) -> Group | None:
        listed = tuple(Asked(one, given.get(one.id), ended) for one in questions)
        return Group(part, listed, gain) if listed else None

    checks = {one.id: Group(Part.CHECK, (Asked(one, given.get(one.id), one.id in given),)) for one in asked.check}
    gain = services.gain(lesson) if ended else None
    return Shown(checks, group(Part.BEFORE, asked.before), group(Part.AFTER, asked.after, gain))
