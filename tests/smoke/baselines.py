"""Chooses the built-in baselines that a smoke run submits, with the scores that they must reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from challenges.bundle import Baseline, ChallengeBundle
from challenges.course_bundle import CourseBundle
from challenges.kinds import registry as kinds
from challenges.shown_score import floor_to_step
from challenges.spec import Label


@dataclass(frozen=True)
class Choice:
    """A baseline of a challenge: a real submission, with bounds for its score on the hidden samples."""

    bundle: ChallengeBundle
    baseline: Baseline

    @property
    def slug(self) -> str:
        return self.bundle.challenge.id

    @property
    def name(self) -> str:
        return f"{self.slug}, {self.baseline.ref.file.rpartition('/')[2].removesuffix('.yaml')}"

    @property
    def passes(self) -> bool:
        return (self.baseline.ref.min or 0) >= self.bundle.challenge.pass_

    @property
    def labels(self) -> tuple[str, ...]:
        answer = self.bundle.challenge.answer
        return answer.labels if isinstance(answer, Label) else ()

    def promise_broken(self, shown: float) -> str:
        """Returns why a shown score is outside the baseline's bounds, or an empty text if it is inside.

        Shown scores are rounded down to the challenge's step.
        """
        ref, step = self.baseline.ref, self.bundle.challenge.feedback.step
        least = floor_to_step(ref.min or 0, step)
        if shown < least:
            return f"the score is {shown:.3f}, but should be at least {least:.3f}"
        if ref.max is not None and shown > ref.max + 1e-9:
            return f"the score is {shown:.3f}, but should be at most {ref.max:.3f}"
        return ""

    def fields(self) -> dict[str, Any]:
        """Returns the fields of the challenge's form as a learner fills them in. `files` returns training rows."""
        return {"kind": self.baseline.payload.kind, **FORMS[self.baseline.payload.kind](self)}

    def files(self) -> dict[str, tuple[str, bytes]] | None:
        rows = self.baseline.payload.rows if self.baseline.payload.kind == "tune" else ()
        lines = [json.dumps(row.model_dump(), ensure_ascii=False) for row in rows]
        return {"rows_file": ("rows.jsonl", "\n".join(lines).encode())} if lines else None


def evaluate_form(choice: Choice) -> dict[str, Any]:
    """Returns the rows of a test set as somebody types them. They could also be sent as a file."""
    rows = choice.baseline.payload.rows
    return {"example_input": [row.input for row in rows], "example_output": [row.output for row in rows]}


def free_text_form(choice: Choice) -> dict[str, Any]:
    return {"answer": choice.baseline.payload.answer}


def tune_form(choice: Choice) -> dict[str, Any]:
    payload = choice.baseline.payload
    knobs = {name: str(value) for name, value in payload.hyperparameters.model_dump().items()}
    return {"instructions": payload.instructions, "method": payload.method, **knobs}


def prompt_form(choice: Choice) -> dict[str, Any]:
    payload = choice.baseline.payload
    return {
        "instructions": payload.instructions,
        "template": payload.example or choice.bundle.challenge.prompt.example,
        "example_input": [example.input for example in payload.examples],
        "example_output": [example.output for example in payload.examples],
        "label_word": [payload.label_words.get(label, label) for label in choice.labels],
    }


def rag_form(choice: Choice) -> dict[str, Any]:
    payload = choice.baseline.payload
    parts = ("input", "output", "passages")
    return {
        "instructions": payload.instructions,
        "template": payload.example or choice.bundle.challenge.prompt.example,
        **{name: str(getattr(payload, name)) for name in ("chunk_words", "overlap", "method", "top_k", "min_score")},
        **{f"example_{part}": [getattr(example, part) for example in payload.examples] for part in parts},
    }


# How the form of each kind is filled in: the site is used from outside here, so its own forms are not asked.
FORMS: dict[str, Callable[[Choice], dict[str, Any]]] = {
    "evaluate": evaluate_form,
    "free_text": free_text_form,
    "prompt": prompt_form,
    "rag": rag_form,
    "tune": tune_form,
}


def good(course: CourseBundle, kind: str) -> Choice:
    """Returns the cheapest baseline of a kind that must pass."""
    found = [choice for choice in _all(course) if choice.baseline.payload.kind == kind and choice.passes]
    return min(found, key=lambda choice: _cost(choice.baseline))


def trained(course: CourseBundle) -> list[Choice]:
    """Returns the baselines that train."""
    return [choice for choice in _all(course) if choice.baseline.payload.kind == "tune"]


def with_method(choice: Choice, method: str) -> Choice:
    """Returns the same rows and settings for another training method, which the same bounds hold for."""
    payload = choice.baseline.payload.model_copy(update={"method": method})
    return replace(choice, baseline=replace(choice.baseline, payload=payload))


def method_of(choice: Choice) -> str:
    """Returns the training method of a baseline that trains."""
    return str(getattr(choice.baseline.payload, "method", ""))


def weak(course: CourseBundle, kind: str) -> Choice:
    """Returns the cheapest baseline of a kind that must not pass, of the challenge that `good` chooses."""
    slug = good(course, kind).slug
    found = [choice for choice in _all(course) if choice.baseline.payload.kind == kind and choice.slug == slug]
    return min(
        (choice for choice in found if choice.baseline.ref.min is None and choice.baseline.ref.max is not None),
        key=lambda choice: _cost(choice.baseline),
    )


def _all(course: CourseBundle) -> list[Choice]:
    found = [Choice(challenge, baseline) for challenge in course.challenges for baseline in challenge.baselines]
    return [choice for choice in found if _can_be_submitted(choice)]


def _can_be_submitted(choice: Choice) -> bool:
    payload = choice.baseline.payload
    return not any(kinds.find(payload.kind).check_submission(choice.bundle.challenge, payload))


def _cost(baseline: Baseline) -> int:
    """Returns roughly how many characters the model reads."""
    return len(baseline.payload.model_dump_json())
