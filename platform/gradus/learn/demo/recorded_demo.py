"""What a lesson's demo answered when its author recorded it: a real answer for pages that ask no model."""

from dataclasses import dataclass

from pydantic import ValidationError

from challenges.lesson.demo import PANELS, DemoRecord, Said, said
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.learn.demo.demo import TITLES


@dataclass(frozen=True)
class RecordedPanel:
    name: str
    title: str
    said: Said
    tokens: int


@dataclass(frozen=True)
class RecordedDemo:
    """`reads` are the tokens of `input`; `model` is the name of the base model that answered."""

    lesson: Lesson
    title: str
    model: str
    notice: str
    input: str
    reads: tuple[str, ...]
    panels: tuple[RecordedPanel, ...]


def recorded_demo(lesson: Lesson) -> RecordedDemo | None:
    """None where the lesson has no demo, where nothing was recorded, or where the record is of other examples."""
    demo = lesson.parsed.demo
    challenge = catalogue.now().challenge_named(lesson.course, demo.challenge) if demo else None
    try:
        record = DemoRecord.model_validate(lesson.measured.get("demo"))
    except ValidationError:
        return None
    if demo is None or challenge is None or record.input not in demo.chips or not set(PANELS) <= set(record.panels):
        return None
    panels = [
        RecordedPanel(name, str(TITLES[name]), said(demo, name, found.probabilities), round(found.tokens))
        for name, found in ((name, record.panels[name]) for name in PANELS)
    ]
    return RecordedDemo(
        lesson, demo.title, challenge.spec.model or "", demo.notice, record.input, record.reads, tuple(panels)
    )
