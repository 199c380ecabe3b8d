"""Mistakes in courses and lessons: their lists, their texts, their drawings, their questions and findings."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.challenges.factory import write_yaml
from tests.hostile.bundles.breaking import Break, Broken, append, both, put, remove, swap
from tests.hostile.bundles.course import CHALLENGE
from tests.hostile.drawings import LAUGHS, svg

COURSE, LESSON, TEXT, DRAWING = "course.yaml", "first/lesson.yaml", "first/lesson.md", "first/assets/coast.svg"
FINDINGS = "first/findings.yaml"
PLAIN = f"{CHALLENGE}/findings/plain.yaml"
FINDING = """\
schema: 1
findings:
  - id: examples-help
    title: Examples help
    statement: With examples the score is {sea-or-sky.few.score}.
    limits: One small model.
    experiments:
      - challenge: sea-or-sky
        arms:
          - {id: few, title: Examples, files: [findings/plain.yaml], example_sets: {count: 5}}
          - {id: zero, title: None, files: [findings/plain.yaml]}
    claims:
      - {arms: [few, zero], varies: examples, found: higher}
"""

DEMO = """\
demo:
  title: Try it
  challenge: sea-or-sky
  chips: [a wave]
  zero_shot: demo/a.yaml
  few_shot: demo/b.yaml
  adapter: demo
  explanation: Three ways.
"""


def finding(old: str = "", new: str = "") -> Break:
    """Adds a finding, which nobody has proved, with one mistake."""
    return both(put(FINDINGS, FINDING.replace(old, new, 1) if old else FINDING), put(PLAIN, "kind: prompt\n"))


def same_challenge(root: Path) -> None:
    """Copies a challenge into another lesson, where it keeps its id."""
    shutil.copytree(root / CHALLENGE, root / "second/sea-or-sky")
    swap("second/lesson.yaml", "[ask-the-library]", "[ask-the-library, sea-or-sky]")(root)


def unlisted(root: Path) -> None:
    write_yaml(root / "third/lesson.yaml", {"title": "Third", "summary": "x", "minutes": 5, "challenges": ["x"]})


COURSES = (
    Broken("a lesson twice", append(COURSE, "  - first\n"), COURSE, 10, most=2),
    Broken("a lesson that does not exist", append(COURSE, "  - third\n"), COURSE, 10),
    Broken("a lesson that is not listed", unlisted, "third/lesson.yaml", None),
    Broken("no lessons", swap(COURSE, "lessons:\n  - first\n  - second", "lessons: []"), COURSE, 7, most=3),
    Broken("lessons that need one another", append(LESSON, "requires: [second]\n"), LESSON, 14, most=1),
    Broken(
        "a lesson that needs an unknown one", swap("second/lesson.yaml", "[first]", "[frist]"), "second/lesson.yaml", 4
    ),
    Broken("two challenges with one id", same_challenge, "second/lesson.yaml", 5, most=20),
    Broken("an unknown time zone", swap(COURSE, "Europe/Dublin", "Dublin"), COURSE, 6),
    Broken("a title of 300 characters", swap(COURSE, "By the coast", "coast " * 50), COURSE, 4),
)
LESSONS = (
    Broken("a challenge twice", swap(LESSON, "  - explain\n", "  - explain\n  - explain\n"), LESSON, 7, most=3),
    Broken("a challenge in no list", swap(LESSON, "  - explain\n", ""), "first/explain/challenge.yaml", None),
    Broken("a lesson of 0 minutes", swap(LESSON, "minutes: 20", "minutes: 0"), LESSON, 3, most=2),
    Broken(
        "a link to a challenge that does not exist",
        append(TEXT, "\nSee [that](../../challenges/sea-and-sky/).\n"),
        TEXT,
        13,
    ),
    Broken("a link to a lesson that does not exist", append(TEXT, "\nSee [that](../../lessons/third/).\n"), TEXT, 13),
    Broken("HTML in a lesson", append(TEXT, "\n<div align=center>Waves</div>\n"), TEXT, 13, is_advice=True),
    Broken("a script in a lesson", append(TEXT, "\n<script>alert(1)</script>\n"), TEXT, 13, is_advice=True),
    Broken("a fold without an end", swap(TEXT, "They move.\n:::", "They move."), TEXT, 7),
    Broken("a fold without a title", swap(TEXT, "::: fold More about waves", "::: fold"), TEXT, 7),
    Broken("a number that looks measured", append(TEXT, "\nThe model reaches 0.83 there.\n"), TEXT, 13),
    Broken("2,300 words", append(TEXT, "wave " * 2300), TEXT, None),
    Broken("a mark for an unknown question", swap(TEXT, "question: foam", "question: spray"), TEXT, 11),
    Broken("a mark for an unknown challenge", append(TEXT, "\n<!-- challenge: sea-and-sky -->\n"), TEXT, 13),
    Broken(
        "a step with nothing to do",
        both(append(LESSON, "steps: true\n"), append(TEXT, "\n## One\n\n## Two\n\nMore.\n\n## Three\n")),
        TEXT,
        15,
    ),
    Broken("steps of a lesson without headings", append(LESSON, "steps: true\n"), TEXT, None),
    Broken(
        "a question with two right options",
        swap(LESSON, "like a cloud.}", "like a cloud., right: true}"),
        LESSON,
        11,
        most=2,
    ),
    Broken("a demo of files that are not there", append(LESSON, DEMO), LESSON, 18, most=9),
    Broken(
        "a figure that nobody measured",
        both(
            append(LESSON, "figures:\n  - {claim: Waves are wet, measured: wetness}\n"),
            put("first/measured.json", '{"seconds": 3}'),
        ),
        LESSON,
        15,
    ),
    Broken("measured.json is broken", put("first/measured.json", '{"seconds": 3'), "first/measured.json", 1),
)
DRAWINGS = (
    Broken("a drawing with a script", put(DRAWING, svg("<script>alert(1)</script>")), DRAWING, 1),
    Broken(
        "a drawing with a handler", put(DRAWING, svg('<rect onclick="alert(1)" width="9" height="9"/>')), DRAWING, 1
    ),
    Broken(
        "a drawing that loads a file",
        put(DRAWING, svg('<image href="https://example.org/a.png"/>')),
        DRAWING,
        1,
        most=2,
    ),
    Broken("a drawing with colours of its own", swap(DRAWING, 'class="stroke-blue"', 'stroke="#00f"'), DRAWING, 2),
    Broken(
        "an entity bomb",
        put(DRAWING, f'<!DOCTYPE svg [<!ENTITY e0 "ha">{LAUGHS}]>{svg("<text>&e9;</text>")}'),
        DRAWING,
        1,
    ),
    Broken("a drawing that breaks off", swap(DRAWING, "</svg>", ""), DRAWING, 3),
    Broken("a drawing that is not there", remove(DRAWING), TEXT, 5),
    Broken("a PNG named .svg", put(DRAWING, b"\x89PNG\r\n\x1a\n" + bytes(range(64))), DRAWING, 1),
    Broken(
        "a picture that is a PNG",
        both(
            swap(TEXT, "coast.svg", "coast.png"), remove(DRAWING), put("first/assets/coast.png", b"\x89PNG\r\n\x1a\n")
        ),
        TEXT,
        5,
        most=2,
    ),
    Broken(
        "a picture of another site", swap(TEXT, "assets/coast.svg", "https://example.org/coast.svg"), TEXT, 5, most=2
    ),
    Broken("a picture without a description", swap(TEXT, "Two lines, one above the other", ""), TEXT, 5),
    Broken("a drawing that nothing shows", put("first/assets/tide.svg", svg("")), "first/assets/tide.svg", None),
)
EXPERIMENTS = (
    Broken("a finding that nobody proved", finding(), FINDINGS, 3, most=2),
    Broken("a claim about an unknown arm", finding("arms: [few, zero]", "arms: [few, none]"), FINDINGS, 13, most=3),
    Broken(
        "a finding on an unknown challenge", finding("challenge: sea-or-sky", "challenge: sea"), FINDINGS, 8, most=4
    ),
    Broken("a finding whose file is missing", both(finding(), remove(PLAIN)), PLAIN, None, most=3),
    Broken("a mark for an unknown finding", append(TEXT, "\n<!-- finding: tides -->\n"), TEXT, 13),
)
CASES = (*COURSES, *LESSONS, *DRAWINGS, *EXPERIMENTS)
