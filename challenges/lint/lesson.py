"""What lint asks of a course, and of a lesson with its advisor, its demo, its figures and its questions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from zoneinfo import available_timezones

from pydantic import TypeAdapter

from challenges.files.rows import read_train
from challenges.files.source import Source
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.rag import KIND as RAG
from challenges.lesson.spec import Advisor, ChoiceQuestion, Demo, Figure, Questions, Retriever
from challenges.lint.free_text import lint_own_runs
from challenges.reading import GatheredCourse, GatheredLesson, demo_names
from challenges.spec import Label

PROMPT: TypeAdapter[PromptPayload] = TypeAdapter(PromptPayload)
APPROACHES = ("advisor", "approaches")


def lint_course(source: Source, gathered: GatheredCourse) -> None:
    """Lessons listed once, requirements known and without a cycle, a time zone that exists, nothing left out.

    Questions about a run of the learner's own name a challenge of the course.
    """
    course, located = gathered.course, gathered.located
    if course is None or located is None:
        return
    if course.timezone not in available_timezones():
        what = f"there is no time zone `{course.timezone}`"
        source.add("course.yaml", located.line("timezone"), what, f"use a name such as {_time_zone(course.timezone)}")
    for index in _repeated(course.lessons):
        source.add(
            "course.yaml", located.line("lessons", index), f"`{course.lessons[index]}` stands twice", "remove one"
        )
    _unlisted(source, "", "lesson.yaml", course.lessons, "course.yaml")
    _requires(source, gathered.lessons, course.lessons)
    lint_own_runs(source, gathered)


def _time_zone(name: str) -> str:
    """A time zone with the same city, or one whose name is near; UTC if there is none."""
    known = sorted(available_timezones())
    city = next((zone for zone in known if zone.rpartition("/")[2].casefold() == name.casefold()), None)
    return city or (get_close_matches(name, known, n=1) or ["UTC"])[0]


def _requires(source: Source, lessons: list[GatheredLesson], listed: Sequence[str]) -> None:
    needs = {g.id: g.lesson.requires for g in lessons if g.lesson}
    told: set[str] = set()
    for gathered in lessons:
        for index, name in enumerate(needs.get(gathered.id, ())):
            if name not in listed:
                near = get_close_matches(name, listed, n=1) or listed
                what = f"requires `{name}`, which is no lesson of the course"
                _lesson(source, gathered, what, f"name another, such as `{near[0]}`, or remove it", "requires", index)
        circle = _circle(needs, gathered.id)
        if circle and not told & set(circle):
            told |= set(circle)
            what = f"requires itself: {' needs '.join((*circle, gathered.id))}"
            _lesson(source, gathered, what, "remove one of these from its `requires`", "requires")


def _circle(needs: dict[str, tuple[str, ...]], start: str) -> list[str]:
    """The lessons on a shortest way from a lesson back to itself, beginning with it; empty if there is none."""
    ways = [[start]]
    seen = set[str]()
    for way in ways:
        for name in needs.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def lint_lesson(source: Source, gathered: GatheredLesson) -> None:
    """Challenges listed once, and an advisor, a demo and figures that name things which exist."""
    lesson = gathered.lesson
    if lesson is None:
        return
    for index in _repeated(lesson.challenges):
        what = f"`{lesson.challenges[index]}` stands twice"
        _lesson(source, gathered, what, "remove one of the two", "challenges", index)
    _unlisted(source, gathered.rel, "challenge.yaml", lesson.challenges, "lesson.yaml")
    if lesson.advisor:
        _advisor(source, gathered, lesson.advisor)
    if lesson.demo:
        _demo(source, gathered, lesson.demo)
    if lesson.retriever:
        _retriever(source, gathered, lesson.retriever)
    if gathered.measured:
        for index, figure in enumerate(lesson.figures):
            _figure(source, gathered, index, figure)


def lint_ids(source: Source, lessons: Iterable[GatheredLesson]) -> None:
    """Challenge ids, which must be unique in a course."""
    seen: dict[str, str] = {}
    for gathered in lessons:
        for name, _ in gathered.challenges:
            first = seen.setdefault(name, gathered.id)
            if first != gathered.id:
                what = f"the challenge id `{name}` is taken by the lesson `{first}`"
                _lesson(source, gathered, what, "rename it: ids are unique in a course", "challenges")


def _lesson(source: Source, gathered: GatheredLesson, what: str, fix: str, *path: str | int) -> None:
    line = gathered.located.line(*path) if gathered.located else None
    source.add(posixpath.join(gathered.rel, "lesson.yaml"), line, what, fix)


def _repeated(names: tuple[str, ...]) -> list[int]:
    return [index for index, name in enumerate(names) if name in names[:index]]


def _unlisted(source: Source, rel: str, marker: str, listed: tuple[str, ...], owner: str) -> None:
    for path in sorted((source.root / rel).glob(f"*/{marker}")):
        name = path.parent.name
        if name not in listed:
            file = posixpath.join(rel, name, marker)
            source.add(file, None, f"is not listed in {owner}", "list it there, or move the folder away")


def _advisor(source: Source, gathered: GatheredLesson, advisor: Advisor) -> None:
    ids = tuple(approach.id for approach in advisor.approaches)
    known = set(ids)
    for n in _repeated(ids):
        _lesson(source, gathered, f"the approach `{ids[n]}` stands twice", "rename one of them", *APPROACHES, n, "id")
    for n, approach in enumerate(advisor.approaches):
        if approach.start <= 0 and not _has_weight(advisor, approach.id):
            what = f"no answer speaks for `{approach.id}`, so it is never advised"
            _lesson(source, gathered, what, "give it a weight above 0 in a choice of `questions`", *APPROACHES, n)
        for name in {*approach.cheaper, *approach.combines_with} - known:
            _lesson(source, gathered, f"`{name}` is no approach", "correct the id", "advisor", "approaches", n)
    for n, question in enumerate(advisor.questions):
        for m, choice in enumerate(question.choices):
            for name in sorted({*choice.weights, *choice.because, *choice.excludes} - known):
                place = ("advisor", "questions", n, "choices", m)
                _lesson(source, gathered, f"`{name}` is no approach", "correct the id", *place)


def _has_weight(advisor: Advisor, approach: str) -> bool:
    choices = [choice for question in advisor.questions for choice in question.choices]
    return any(choice.weights.get(approach, 0.0) > 0 for choice in choices)


def _demo(source: Source, gathered: GatheredLesson, demo: Demo) -> None:
    for name, key in zip(demo_names(demo), ("zero_shot", "few_shot", "adapter", "adapter"), strict=True):
        if posixpath.normpath(name) not in gathered.files:
            fix = "add it, or correct the path (relative to the lesson's folder)"
            _lesson(source, gathered, f"the demo's file `{name}` is not there", fix, "demo", key)
    for name in (demo.zero_shot, demo.few_shot):
        if posixpath.normpath(name) in gathered.files:
            file = posixpath.join(gathered.rel, name)
            source.model(file, PROMPT, source.yaml(file))
    if demo.extra_rows:
        source.rows(posixpath.join(gathered.rel, demo.extra_rows), read_train, needed=True)
    for index, chip in enumerate(demo.chips):
        if len(chip) > demo.input_chars:
            _lesson(source, gathered, "the chip is longer than input_chars", "shorten it", "demo", "chips", index)
    _demo_challenge(source, gathered, demo)


def _demo_challenge(source: Source, gathered: GatheredLesson, demo: Demo) -> None:
    bundles = {name: bundle for name, bundle in gathered.challenges if bundle}
    if demo.challenge not in dict(gathered.challenges):
        _lesson(source, gathered, "the demo's challenge is not in this lesson", "name one that is", "demo", "challenge")
    answer = bundles[demo.challenge].challenge.answer if demo.challenge in bundles else None
    if not isinstance(answer, Label):
        return
    for label, related in demo.related.items():
        if label in (item.label for item in related):
            what = f"`{label}` stands among its own related labels"
            _lesson(source, gathered, what, "remove it there", "demo", "related", label)
        for name in {label, *(item.label for item in related)} - set(answer.labels):
            what = f"`{name}` is no label of the demo's challenge"
            _lesson(source, gathered, what, "correct it", "demo", "related", label)


def _retriever(source: Source, gathered: GatheredLesson, retriever: Retriever) -> None:
    bundles = dict(gathered.challenges)
    bundle = bundles.get(retriever.challenge)
    if retriever.challenge not in bundles or (bundle and bundle.challenge.kind != RAG.name):
        what = f"`{retriever.challenge}` is no challenge with documents in this lesson"
        _lesson(source, gathered, what, "name one of the kind rag", "retriever", "challenge")
    for index, chip in enumerate(retriever.chips):
        if len(chip) > retriever.input_chars:
            _lesson(source, gathered, "the chip is longer than input_chars", "shorten it", "retriever", "chips", index)


def _figure(source: Source, gathered: GatheredLesson, index: int, figure: Figure) -> None:
    values = {**gathered.measured, **gathered.measured.get("figures", {})}
    value = values.get(figure.measured) if figure.measured else None
    place = ("figures", index, "measured")
    if figure.measured and not isinstance(value, int | float):
        what = f"measured.json holds no number `{figure.measured}`"
        _lesson(source, gathered, what, "measure it, or correct the name", *place)
    elif isinstance(value, int | float) and not (
        (figure.at_least is None or value >= figure.at_least) and (figure.at_most is None or value <= figure.at_most)
    ):
        _lesson(source, gathered, f"the measured value {value:g} contradicts the claim", "correct the claim", *place)


MARK = re.compile(r"<!--\s*question:\s*(\S+?)\s*-->")
# So few questions say nothing about a habit of their author.
HABIT_FROM = 3


def lint_questions(source: Source, gathered: GatheredLesson) -> None:
    """Ids that stand once, as many before as after, marks that name a question, no answer given away by its form."""
    if gathered.lesson is None:
        return
    asked = gathered.lesson.questions
    _question_ids(source, gathered, asked)
    if len(asked.before) != len(asked.after):
        what = f"has {len(asked.before)} questions before the lesson and {len(asked.after)} after it"
        _questions(source, gathered, what, "ask as many after as before, each of the same kind")
    _question_marks(source, gathered, asked)
    _habits(source, gathered, asked.every)


def _question_ids(source: Source, gathered: GatheredLesson, asked: Questions) -> None:
    seen: set[str] = set()
    for part, questions in (("check", asked.check), ("before", asked.before), ("after", asked.after)):
        for place, question in enumerate(questions):
            if question.id in seen:
                what = f"the question `{question.id}` stands twice"
                _questions(source, gathered, what, "rename one of them", part, place, "id")
            seen.add(question.id)


def _question_marks(source: Source, gathered: GatheredLesson, asked: Questions) -> None:
    known, seen = {question.id for question in asked.check}, set()
    file = posixpath.join(gathered.rel, "lesson.md")
    for number, line in enumerate((gathered.text or "").splitlines(), 1):
        for name in MARK.findall(line):
            if name not in known:
                fix = "name a question of `check` in lesson.yaml"
                source.add(file, number, f"`{name}` is no question that stands in the text", fix)
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
        _questions(source, gathered, what, "shorten right options, or write the others out")
    for place in {question.right for question in asked}:
        count = sum(question.right == place for question in asked)
        if 3 * count > 2 * len(asked):
            what = f"option {place + 1} is the right one in {count} of {len(asked)} questions, which gives it away"
            _questions(source, gathered, what, "change the order of the options")


def _is_longest(question: ChoiceQuestion) -> bool:
    lengths = [len(option.text) for option in question.options]
    right = lengths.pop(question.right)
    return right > max(lengths)


def _questions(source: Source, gathered: GatheredLesson, what: str, fix: str, *path: str | int) -> None:
    line = gathered.located.line("questions", *path) if gathered.located else None
    source.add(posixpath.join(gathered.rel, "lesson.yaml"), line, what, fix)
