"""The steps of a lesson's text: one screen each, with what a learner has done of them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString

from gradus.courses.models import Lesson
from gradus.learn.lesson import markdown
from gradus.learn.lesson.markdown import Page, Part
from gradus.learn.lesson.questions import Shown

Drawn = tuple[Part, SafeString]
ID = re.compile(r'<h[1-6] id="([^"]*)"')
# What a lesson's page has before its text, and after it.
FIRST, LAST = ("before",), ("findings", "after", "questions", "challenges", "next")
WITHOUT_PLACE = ("demo", "retriever", "advisor", "figures")


@dataclass(frozen=True)
class TextStep:
    """A step of a lesson. `number` counts from 1; `anchors` are the ids of what stands on its page."""

    id: str
    title: str
    number: int
    address: str
    parts: tuple[Drawn, ...]
    anchors: tuple[str, ...]
    is_done: bool = False


def steps_of(
    lesson: Lesson, page: Page, shown: Shown | None = None, read: Collection[str] = ()
) -> tuple[TextStep, ...]:
    """The steps of a lesson's rendered text; none where the lesson is one page.

    A step is done when the learner has gone on from it, or has answered all of its questions. The last step has nothing
    to go on to: it is done when the questions after the lesson are answered, or if there are none, when all steps
    before it are.
    """
    if not lesson.parsed.steps:
        return ()
    titles = {heading.id: heading.text for heading in page.headings}
    groups = _grouped(markdown.with_drawings(lesson, page))
    placed = {part.feature for part in page.parts}
    steps: list[TextStep] = []
    for number, (name, parts) in enumerate(groups.items(), 1):
        is_last = number == len(groups)
        anchors = [anchor for part, _ in parts for anchor in _anchors(part)]
        anchors += [*(FIRST if number == 1 else ()), *((*LAST, *set(WITHOUT_PLACE) - placed) if is_last else ())]
        done = name in read or _is_answered([part.question for part, _ in parts if part.question], shown)
        if is_last:
            done = shown.after.is_whole if shown and shown.after else bool(steps) and all(one.is_done for one in steps)
        address = address_of(lesson, name if number > 1 else "")
        steps.append(TextStep(name, titles.get(name, ""), number, address, tuple(parts), tuple(anchors), done))
    return tuple(steps)


def address_of(lesson: Lesson, step: str) -> str:
    """The first step stands at the lesson's own address, which has an empty `step`."""
    return (
        reverse("learn:lesson_step", args=[lesson.slug, step]) if step else reverse("learn:lesson", args=[lesson.slug])
    )


def address_of_anchor(lesson: Lesson, anchor: str) -> str:
    """The address of what has this id in a lesson: on the page of its step, or on the lesson's only page."""
    steps = steps_of(lesson, markdown.render(lesson.text))
    holding = next((one for one in steps if anchor in one.anchors), None)
    return f"{holding.address if holding else address_of(lesson, '')}#{anchor}"


def step_needed(lesson: Lesson, challenge: str) -> TextStep | None:
    """The step that marks a challenge, named as its author names it, as the one to read before."""
    name = f"challenge-{challenge}"
    return next((one for one in steps_of(lesson, markdown.render(lesson.text)) if name in one.anchors), None)


def _grouped(drawn: Sequence[Drawn]) -> Mapping[str, list[Drawn]]:
    """The parts of the text by the id of their step's heading. What stands before the first heading joins that step."""
    groups: dict[str, list[Drawn]] = {}
    before: list[Drawn] = []
    current = before
    for part, drawing in drawn:
        if part.step:
            current = groups.setdefault(part.step, [])
            if len(groups) == 1:
                current += before
        else:
            current.append((part, drawing))
    return groups or {"": before}


def _anchors(part: Part) -> list[str]:
    if part.finding:
        return [f"finding-{part.finding}"]
    if part.question:
        return [f"question-{part.question}", f"questions-{part.question}"]
    if part.challenge:
        return [f"challenge-{part.challenge}"]
    return [part.feature] if part.feature else ID.findall(part.html)


def _is_answered(names: Sequence[str], shown: Shown | None) -> bool:
    groups = [shown.checks[name] for name in names if name in shown.checks] if shown else []
    return bool(groups) and all(group.is_whole for group in groups)
