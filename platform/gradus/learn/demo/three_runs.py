"""What readers of a lesson try with a text of their own: three runs at once, each shown in a panel that follows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges.characters import as_sentence, broken
from challenges.kinds.base import Lane
from challenges.lesson.spec import Demo, Retriever
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.learn.demo.purpose import DemoAnswer
from gradus.submissions import queue, services
from gradus.submissions.models import Run
from gradus.submissions.services import Refused

Spec = TypeVar("Spec", Demo, Retriever)


@dataclass(frozen=True)
class Panel:
    """What a panel shows of its run, whatever the run was asked. `name` is the run's label."""

    name: str
    title: str
    run: Run
    state: str
    is_open: bool
    message: str


class ThreeRuns(ABC, Generic[Spec]):
    """Three real runs on one text, against the published version of a challenge.

    `name` is the key in `lesson.yaml`, and the beginning of the names of routes and templates. `titles` are those of
    the panels, by the label of the run, in their order.
    """

    name: ClassVar[str]
    titles: ClassVar[Mapping[str, str | Promise]]
    unpublished: ClassVar[str | Promise]

    @abstractmethod
    def spec(self, lesson: Lesson) -> Spec | None:
        """Returns what the author wrote about it; None where the lesson has none."""

    @abstractmethod
    def payloads(self, lesson: Lesson, spec: Spec) -> dict[str, dict[str, Any]]:
        """Returns the submission of each run, by label. Raises `Refused` where it is not complete on this server."""

    @abstractmethod
    def panel(self, lesson: Lesson, run: Run) -> Panel:
        """Returns what a panel shows of its run."""

    def adapter(self, spec: Spec, label: str) -> str:
        """Returns the adapter that a run asks, of the lesson's files; empty for the base model."""
        return ""

    def challenge(self, lesson: Lesson) -> Challenge | None:
        """Returns the challenge that is asked; None where it is not published, or the lesson has none."""
        spec = self.spec(lesson)
        return catalogue.now().challenge_named(lesson.course, spec.challenge) if spec else None

    def context(self, lesson: Lesson) -> dict[str, Any]:
        """Returns what all templates about it need."""
        return {"lesson": lesson, self.name: self.spec(lesson)}

    def start(self, lesson: Lesson, user: User | None, text: str) -> list[Run]:
        """Starts the three runs in the order of their panels, or none.

        Raises:
            Refused: the text is not taken, too many runs are open, or something is not on this server.
        """
        spec, challenge = self.spec(lesson), self.challenge(lesson)
        assert spec is not None
        if challenge is None or challenge.version is None:
            raise Refused("demo_missing", str(self.unpublished), 503)
        payloads = self.payloads(lesson, spec)
        with transaction.atomic():
            runs = [
                services.start_run(
                    user,
                    challenge.version,
                    payload,
                    purpose=DemoAnswer.name,
                    inputs=[text],
                    adapter=self.adapter(spec, label),
                    label=label,
                )
                for label, payload in payloads.items()
            ]
        # The bell rung within the transaction may have been answered before there was anything to see.
        queue.ring(Lane.INTERACTIVE)
        return runs

    def _shown(self, run: Run) -> dict[str, Any]:
        """The fields of every panel."""
        evaluation = run.current
        return {
            "name": run.label,
            "title": str(self.titles[run.label]),
            "run": run,
            "state": evaluation.state,
            "is_open": evaluation.is_open,
            "message": evaluation.message,
        }


def as_typed(text: str) -> str:
    """A text on one line, as it is asked."""
    return " ".join(text.split())


def problem_with(most: int, text: str) -> str:
    """What is wrong with a text of which `most` characters are allowed; empty if nothing is."""
    if not text:
        return _("Write a sentence, or choose an example.")
    if len(text) > most:
        wrong = ngettext(
            "The text has %(count)d characters, and %(most)d is allowed. Shorten it.",
            "The text has %(count)d characters, and %(most)d are allowed. Shorten it.",
            most,
        )
        return wrong % {"count": len(text), "most": most}
    character = broken(text)
    return as_sentence(character) if character else ""
