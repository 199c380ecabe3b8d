"""A course with many challenges, for what must not take longer, or ask more, with each of them."""

from __future__ import annotations

from pathlib import Path

from tests.challenges import factory

A_LESSON = 11


def write_large_course(root: Path, challenges: int) -> Path:
    """A course `tiny` of label challenges `c0`, `c1` and so on, eleven in a lesson."""
    names = [f"c{number}" for number in range(challenges)]
    lessons = {f"lesson-{first}": names[first : first + A_LESSON] for first in range(0, challenges, A_LESSON)}
    for lesson, held in lessons.items():
        for name in held:
            factory.write_prompt_challenge(root / lesson / name, id=name, title=name)
        spec = {"title": lesson, "summary": "A lesson for tests.", "minutes": 5, "challenges": held}
        factory.write_yaml(root / lesson / "lesson.yaml", spec)
        factory.write_text(root / lesson / "lesson.md", "# A lesson\n\nSome text.\n")
    spec = {"schema": 1, "id": "tiny", "version": "1.0.0", "title": "Large", "summary": "A course for tests."}
    factory.write_yaml(root / "course.yaml", {**spec, "lessons": list(lessons)})
    return root


def change(challenge: Path, number: int) -> None:
    """Gives a challenge of the large course another statement, and the version 1.0.`number`."""
    factory.write_yaml(
        challenge / "challenge.yaml",
        factory.prompt_spec(id=challenge.name, title=challenge.name, version=f"1.0.{number}"),
    )
    factory.write_text(
        challenge / "statement.md", f"Say whether it is of the sea or of the sky. This is text {number}.\n"
    )
