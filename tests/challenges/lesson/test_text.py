"""The Markdown of lessons: words that count, folds, illustrations, and what lint says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.lesson.text import Fold, Image, folded_words, folds, images, outcomes, sections, words
from challenges.lint.run import lint
from challenges.reading import read_course
from tests.challenges.factory import write_course, write_lesson

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
PIECES = (
    *(
        "::: fold",
        "::: fold A",
        ":::",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "    ",
        "\t",
        "`",
        "```",
        "|",
        "| - |",
        "# ",
        "x",
        "$",
    ),
    *("$$", "![a](assets/b.svg)", "![](x)", "<!-- demo -->", "<b>", "[", "]", "\r"),
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("# Two words\n", 2),
        ("One, two - three.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n", 7),
        ("One.\n\n<!-- demo -->\n\nTwo.\n", 2),
        ("One.\n\n::: fold A title\nNot counted at all.\n:::\n\nTwo.\n", 2),
        ("One.\n\n:::: fold A\n::: fold B\nNo.\n:::\nNo.\n::::\nTwo.\n", 2),
        ('![in other words](assets/a.svg "A caption")\n', 2),
    ],
)
def test_words_in_sight_are_counted(text, count):
    assert words(text) == count


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("## Other\n\n- a\n", ()),
        (
            "## What you can now do\n\nSo:\n\n- Say *why*\n  and `how`.\n- Do it:\n  - well\n\n::: fold C\n- c\n:::",
            ("Say why and how.", "Do it: well"),
        ),
        ("## What you can now do\n", ()),
        ("### What you can now do\n\n1. a\n", ("a",)),
        ("What you can now do\n\n1. a\n", ()),
    ],
)
def test_outcomes_are_the_items_below_their_heading(text, items):
    assert outcomes(text) == items


def test_folds_have_a_title_and_an_end():
    text = "a\n\n::: fold Why so?\nb\n:::\n\n::: fold\nc\n"
    assert folds(text) == (Fold("Why so?", 3, 5, True), Fold("", 7, 9, False))


def test_images_have_their_line_and_are_illustrations_only_where_they_stand_alone():
    text = 'a\n\n![What *it* is](assets/it.svg "Cap")\n\n![b](b.png)\n\nx ![c](assets/c.svg)\n\n'
    text += "| ![d](assets/d.svg) |\n| - |\n"
    assert images(text) == (
        Image("assets/it.svg", "What it is", "Cap", 3, True),
        Image("b.png", "b", "", 5, True),
        Image("assets/c.svg", "c", "", 7, False),
        Image("assets/d.svg", "d", "", 9, False),
    )
    assert [image.is_illustration for image in images(text)] == [True, False, False, False]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=16))
def test_any_text_is_read(pieces):
    text = "".join(pieces)
    assert words(text) >= 0
    assert all(fold.line <= fold.end for fold in folds(text))
    assert all(image.line >= 1 for image in images(text))


def told(root, text: str, **files: str) -> list[str]:
    (root / "first/lesson.md").write_text(text)
    (root / "first/assets").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / f"first/assets/{name}.svg").write_text(content)
    return [str(problem) for problem in lint(root)]


def test_an_illustration_comes_with_the_lesson_and_changes_the_course_s_digest(tmp_path):
    root = write_course(tmp_path)
    assert told(root, "![A square](assets/square.svg)\n", square=SVG) == []
    bundle = read_course(root)
    assert bundle.lessons[0].files == {"assets/square.svg": SVG.encode()}
    assert told(root, "![A square](assets/square.svg)\n", square=SVG.replace("9 9", "8 8")) == []
    assert read_course(root).digest != bundle.digest


@pytest.mark.parametrize(
    ("text", "place", "what", "fix"),
    [
        ("![x](https://example.org/a.png)\n", "lesson.md:1", "is no drawing of the lesson", "assets/name.svg"),
        ("![x](assets/../../course.yaml)\n", "lesson.md:1", "is no drawing of the lesson", "assets/name.svg"),
        ("![x](assets/A.svg)\n", "lesson.md:1", "is no drawing of the lesson", "lower-case"),
        ("so ![x](assets/a.svg)\n", "lesson.md:1", "the image stands within a paragraph", "blank lines"),
        ("word " * 2201, "lesson.md", "has 2,201 words outside folds; 2,200 are allowed", "into folds"),
    ],
)
def test_lint_says_what_is_wrong_with_the_text(tmp_path, text, place, what, fix):
    (problem,) = told(write_course(tmp_path), text, **({"a": SVG} if "(assets/a.svg)" in text else {}))
    assert problem.startswith(f"first/{place}: ") and what in problem and fix in problem


STEP = "## Step {}\n\n{}\n\n![A square](assets/a.svg)\n\n"


def in_steps(root: Path) -> Path:
    write_course(root)
    write_lesson(root / "first", steps=True)
    return root


@pytest.mark.parametrize(
    ("steps", "place", "what"),
    [
        (STEP.format(2, "word " * 450), ":7", "the step has 452 words outside folds; 450 are allowed"),
        (STEP.format(2, f"::: fold More\n{'word ' * 1800}\n:::"), "", "has 1,801 words in folds; 1,800 are allowed"),
        (STEP.format("long " * 17, ""), ":7", "the heading of the step has 89 characters; 1 to 80 are allowed"),
        ("".join(STEP.format(n, "") for n in range(2, 9)), "", "has 9 steps (headings of level 2); 3 to 8 are allowed"),
    ],
)
def test_lint_says_what_is_wrong_with_steps(tmp_path, steps, place, what):
    (problem,) = told(in_steps(tmp_path), f"{STEP.format(1, '')}{steps}## End\n", a=SVG)
    assert problem.startswith(f"first/lesson.md{place}: ") and what in problem


def test_steps_have_fewer_words_in_all_and_are_cut_at_headings_in_sight(tmp_path):
    text = "Before.\n\n## One `code` $x$\n\n> ## No\n\n::: fold F\n## No\n:::\n\n## Two\r\n\n- ## No\n"
    one, two = sections(text)
    assert (one.title, one.line, two.title, two.line) == ("One code x", 3, "Two", 11)
    assert one.text.startswith("Before.") and one.text.count("No") == 2 and two.text.count("No") == 1
    assert (words(text), folded_words(text), sections("# No step\n")) == (7, 2, ())
    root = in_steps(tmp_path)
    long = "".join(STEP.format(n, "word " * 440) for n in range(5))
    assert told(root, long + "## End\n", a=SVG) == [
        "first/lesson.md: has 2,211 words outside folds; 1,800 are allowed: shorten it, or move details into folds "
        "(`::: fold Title`)"
    ]


def test_lint_says_what_is_wrong_with_assets(tmp_path):
    root = write_course(tmp_path)
    text = "![x](assets/large.svg)\n\n![x](assets/broken.svg)\n"
    found = told(root, text, large="<svg>" + " " * 60_000, broken="<svg>\n<rect>", spare=SVG)
    assert found == [
        "first/assets/broken.svg:1: is not an SVG drawing: "
        'begin with <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ...">',
        "first/assets/large.svg: has 60,005 bytes; 60,000 are allowed: make it smaller",
        "first/assets/spare.svg: no image in lesson.md shows it: show it there, or remove the file",
    ]


def test_an_asset_behind_a_link_is_not_read(tmp_path):
    root = write_course(tmp_path)
    (tmp_path / "elsewhere.svg").write_text(SVG)
    (root / "first/assets").mkdir()
    (root / "first/assets/a.svg").symlink_to(tmp_path / "elsewhere.svg")
    (problem,) = told(root, "![x](assets/a.svg)\n")
    assert "symbolic link" in problem


def test_unseen_bytes_in_a_drawing_are_harmless_for_the_reader(tmp_path):
    root = write_course(tmp_path)
    told(root, "![x](assets/a.svg)\n")
    (root / "first/assets/a.svg").write_bytes(bytes(range(256)))
    assert [problem.file for problem in lint(root)] == ["first/assets/a.svg"]
