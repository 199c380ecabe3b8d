"""What lint asks of a lesson's questions: no hint in their form, and a place for each that stands in the text."""

from __future__ import annotations

import posixpath
import re

from challenges.files.source import Source
from challenges.lesson.spec import ChoiceQuestion, Questions
from challenges.reading import GatheredLesson

MARK = re.compile(r"<!--\s*question:\s*(\S+?)\s*-->")
# So few questions say nothing about a habit of their author.
HABIT_FROM = 3


def lint_questions(source: Source, gathered: GatheredLesson) -> None:
    """Ids that stand once, as many before as after, marks that name a question, no answer given away by its form."""
    if gathered.lesson is None:
        return
    asked = gathered.lesson.questions
    _ids(source, gathered, asked)
    if len(asked.before) != len(asked.after):
        what = f"has {len(asked.before)} questions before the lesson and {len(asked.after)} after it"
        _add(source, gathered, what, "ask as many after as before, each of the same kind")
    _marks(source, gathered, asked)
    _habits(source, gathered, asked.every)


def _ids(source: Source, gathered: GatheredLesson, asked: Questions) -> None:
    seen: set[str] = set()
    for part, questions in (("check", asked.check), ("before", asked.before), ("after", asked.after)):
        for place, question in enumerate(questions):
            if question.id in seen:
                what = f"the question `{question.id}` stands twice"
                _add(source, gathered, what, "rename one of them", part, place, "id")
            seen.add(question.id)


def _marks(source: Source, gathered: GatheredLesson, asked: Questions) -> None:
    known, seen = {question.id for question in asked.check}, set()
    file = posixpath.join(gathered.rel, "lesson.md")
    for number, line in enumerate((gathered.text or "").splitlines(), 1):
        for name in MARK.findall(line):
            if name not in known:
                mend = "name a question of `check` in lesson.yaml"
                source.add(file, number, f"`{name}` is no question that stands in the text", mend)
            elif name in seen:
                source.add(file, number, f"the question `{name}` stands in the text twice", "remove one of the marks")
            seen.add(name)


def _habits(source: Source, gathered: GatheredLesson, asked: tuple[ChoiceQuestion, ...]) -> None:
    """A reader who knows nothing must not do better by choosing the longest option, or always the same place."""
    if len(asked) < HABIT_FROM:
        return
    longest = [question for question in asked if _is_longest(question)]
    if 2 * len(longest) > len(asked):
        what = f"the right option is the longest in {len(longest)} of {len(asked)} questions, which gives it away"
        _add(source, gathered, what, "shorten right options, or write the others out")
    for place in {question.right for question in asked}:
        count = sum(question.right == place for question in asked)
        if 3 * count > 2 * len(asked):
            what = f"option {place + 1} is the right one in {count} of {len(asked)} questions, which gives it away"
            _add(source, gathered, what, "change the order of the options")


def _is_longest(question: ChoiceQuestion) -> bool:
    lengths = [len(option.text) for option in question.options]
    right = lengths.pop(question.right)
    return right > max(lengths)


def _add(source: Source, gathered: GatheredLesson, what: str, mend: str, *path: str | int) -> None:
    line = gathered.located.line("questions", *path) if gathered.located else None
    source.add(posixpath.join(gathered.rel, "lesson.yaml"), line, what, mend)
