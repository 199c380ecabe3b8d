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

FILES = {f"assets/{number}.svg": as_bytes(drawing) for number, drawing in enumerate(DRAWINGS.values())}
TEXT = "Words.\n\n" + "".join(f"![Drawing {path} of nothing]({path})\n\n" for path in FILES)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_hostile_drawing_is_refused_with_its_line_and_a_way_out(name):
    drawing = read_svg(as_bytes(DRAWINGS[name]))
    assert drawing.problems and all(one.line and one.what and one.fix for one in drawing.problems)
    with pytest.raises(ValueError, match="not shown"):
        drawing.markup("i1-", "words")


def test_lint_names_the_file_of_each_hostile_drawing(tmp_path):
    root = write_course(tmp_path)
    (root / "first/lesson.md").write_text(TEXT)
    (root / "first/assets").mkdir()
    for path, drawing in FILES.items():
        (root / "first" / path).write_bytes(drawing)
    assert {f"first/{path}" for path in FILES} - {problem.file for problem in lint(root)} == set()


def test_a_server_shows_the_words_instead_of_a_hostile_drawing(client, db, tmp_path):
    bundle = factories.tiny_bundle(tmp_path)
    lesson = replace(bundle.lessons[0], text=TEXT, files=FILES)
    publish(replace(bundle, lessons=(lesson,), digest=""))
    page = client.get(reverse("learn:lesson", args=["first"])).content.decode()
    assert [path for path in FILES if f"<p>Drawing {path} of nothing</p>" not in page] == []
    assert not any(text in page for text in ("<figure", "xss(0)", "evil.test"))
