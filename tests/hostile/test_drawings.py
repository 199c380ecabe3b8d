"""No hostile drawing is shown: lint refuses it, and a server that has one anyway shows its alternative text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from challenges.lesson.svg import read_svg
from challenges.lint.run import lint
from gradus.courses.services import publish
from tests import factories
from tests.challenges.factory import write_course
from tests.hostile.drawings import DRAWINGS, as_bytes

TEXT = "Words.\n\n![A drawing of nothing](assets/drawing.svg)\n"


def content(name: str) -> bytes:
    return as_bytes(DRAWINGS[name])


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_hostile_drawing_is_refused_with_its_line_and_a_way_out(name):
    drawing = read_svg(content(name))
    assert drawing.problems and all(one.line and one.what and one.fix for one in drawing.problems)
    with pytest.raises(ValueError, match="not shown"):
        drawing.markup("i1-", "words")


def test_lint_names_the_file_of_each_hostile_drawing(tmp_path):
    root = write_course(tmp_path)
    (root / "first/lesson.md").write_text(TEXT)
    (root / "first/assets").mkdir()
    silent = []
    for name in DRAWINGS:
        (root / "first/assets/drawing.svg").write_bytes(content(name))
        if "first/assets/drawing.svg" not in {problem.file for problem in lint(root)}:
            silent.append(name)
    assert not silent


def test_a_server_shows_the_words_instead_of_a_hostile_drawing(client, db, tmp_path):
    bundle = factories.tiny_bundle(tmp_path)
    shown = []
    for name in DRAWINGS:
        lesson = replace(bundle.lessons[0], text=TEXT, files={"assets/drawing.svg": content(name)})
        publish(replace(bundle, lessons=(lesson,), digest=""))
        page = client.get(reverse("learn:lesson", args=["first"])).content.decode()
        if "<figure" in page or "<p>A drawing of nothing</p>" not in page or "xss(0)" in page or "evil.test" in page:
            shown.append(name)
    assert not shown
