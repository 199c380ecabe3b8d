from pathlib import Path
from typing import Any

import pytest

from challenges.lint.run import lint
from challenges.reading import read_course
from tests.challenges.factory import question, questions, write_course, write_lesson, write_text


def problems(root: Path, asked: dict[str, Any], text: str = "Some text.") -> list[str]:
    write_lesson(root, questions=asked)
    write_text(root / "lesson.md", f"# First\n\n{text}\n")
    return [str(problem) for problem in lint(root) if "lesson." in problem.file]


def test_questions_are_read_and_lint_clean(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    assert problems(root / "first", questions(), "<!-- question: water -->") == []
    lesson = read_course(root).lessons[0].lesson
    assert [one.id for one in lesson.questions.every] == ["water", "boats", "clouds", "ships", "fog"]
    assert [one.right for one in lesson.questions.before] == [1, 2]


def test_a_lesson_without_questions_is_dumped_as_before(tmp_path: Path) -> None:
    root = write_course(tmp_path)
    write_lesson(root / "first", questions={})
    lesson = read_course(root).lessons[0].lesson
    assert "questions" not in lesson.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"check": [question("water", options=question("water")["options"][1:])]},
            "write `right: true` at exactly one",
        ),
        (
            {
                "check": [
                    question("a", options=[{"text": "x", "because": "y", "right": True}, {"text": "x", "because": "z"}])
                ]
            },
            "two options have the same text",
        ),
        ({"check": [question("water")], "before": [question("water")], "after": [question("sea")]}, "stands twice"),
        (
            {"before": [question("a"), question("b")], "after": [question("c")]},
            "2 questions before the lesson and 1 after",
        ),
    ],
)
def test_wrong_questions_are_named(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    (found,) = [one for one in problems(tmp_path, asked) if said in one]
    assert found.startswith("lesson.yaml:") and not found.startswith("lesson.yaml: ")


def test_marks_name_a_question_of_the_text_once(tmp_path: Path) -> None:
    text = "<!-- question: water -->\n\nMore.\n\n<!-- question: water -->\n\n<!-- question: boats -->"
    found = problems(tmp_path, questions(), text)
    assert [line.split(":")[:2] for line in found] == [["lesson.md", "7"], ["lesson.md", "9"]]
    assert "stands in the text twice" in found[0] and "`boats` is no question that stands in the text" in found[1]


def lengthened(name: str, right: int) -> dict[str, Any]:
    made = question(name, right)
    made["options"][right]["text"] += ", because it is the answer with all its reasons"
    return made


def test_a_right_option_that_is_mostly_the_longest_is_an_error(tmp_path: Path) -> None:
    asked = {"check": [lengthened("a", 0), lengthened("b", 1), question("c", 2)]}
    (found,) = problems(tmp_path / "more", asked)
    assert "the right option is the longest in 2 of 3 questions" in found
    assert problems(tmp_path / "fewer", {"check": [lengthened("a", 0), question("b", 1), question("c", 2)]}) == []


def test_a_right_option_that_always_stands_in_one_place_is_an_error(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, {"check": [question("a", 1), question("b", 1), question("c", 1)]})
    assert "option 2 is the right one in 3 of 3 questions" in found
