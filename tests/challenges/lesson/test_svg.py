"""Drawings that authors make, read and written again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.lesson.svg import read_svg

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" width="40" font-size="3">'
ARROW = '<defs><marker id="tip" orient="auto"><path class="fill-ink" d="M0 0 8 4 0 8z"/></marker></defs>'


def test_a_drawing_is_written_with_a_name_and_ids_of_its_own():
    data = f'{HEAD}{ARROW}<path class="stroke-accent" d="M1 1H9" marker-end="url(#tip)"/></svg>'
    drawing = read_svg(data.encode())
    assert drawing.problems == ()
    assert drawing.markup("i3-", 'Cut "here" & <there>') == (
        '<svg role="img" aria-label="Cut &quot;here&quot; &amp; &lt;there&gt;" viewBox="0 0 40 20" font-size="3">'
        '<defs><marker id="i3-tip" orient="auto"><path class="fill-ink" d="M0 0 8 4 0 8z"></path></marker></defs>'
        '<path class="stroke-accent" d="M1 1H9" marker-end="url(#i3-tip)"></path></svg>'
    )


def test_text_is_escaped_and_keeps_its_spaces():
    data = f'{HEAD}<!-- a note -->\n <text x="1">1 &lt; 2 <tspan class="type-strong">&amp; so</tspan></text></svg>'
    drawing = read_svg(data.encode())
    assert drawing.problems == ()
    assert '<text x="1">1 &lt; 2 <tspan class="type-strong">&amp; so</tspan></text>' in drawing.markup("", "x")
    assert "note" not in drawing.markup("", "x")


@pytest.mark.parametrize(
    ("inside", "line", "words", "fix"),
    [
        ("<title>x</title>", 2, "the element <title> is not allowed", "the alternative text in lesson.md"),
        ("\n<style>x</style>", 3, "the element <style> is not allowed", "classes of the site's palette"),
        ('<rect\n fill="#fff"/>', 2, "`fill` of <rect> has a value that is not allowed", "fill-accent"),
        ('<rect class="fill-pink"/>', 2, "there is no class `fill-pink`", "docs/bundle.md"),
        ('<rect width="1em"/>', 2, "`width` of <rect>", "correct the value"),
        ('<path d="M0 0" marker-end="url(#no)"/>', 2, "names `#no`, which is not in the drawing", "add the definition"),
        ("<rect>", 2, "is not well-formed XML", "close each element"),
    ],
)
def test_a_problem_has_its_line_and_says_how_to_fix_it(inside, line, words, fix):
    (problem,) = read_svg(f"{HEAD}\n{inside}</svg>".encode()).problems
    assert problem.line == line and words in problem.what and fix in problem.fix


def test_all_problems_are_told_at_once_but_not_endlessly():
    assert len(read_svg(f'{HEAD}<rect fill="red"/><rect rx="a"/><b/></svg>'.encode()).problems) == 3
    assert len(read_svg(f"{HEAD}{'<b/>' * 500}</svg>".encode()).problems) == 20


PIECES = (
    HEAD,
    "</svg>",
    "<g>",
    "</g>",
    "<text>",
    "&amp;",
    "&x;",
    "<!DOCTYPE a>",
    "<?a b?>",
    "<!--",
    "-->",
    "\0",
    "\xe9",
    "<b c='d'>",
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map(lambda some: "".join(some).encode()))
def test_any_bytes_are_a_drawing_or_have_problems(data):
    drawing = read_svg(data)
    assert drawing.problems or drawing.markup("i1-", "x").startswith('<svg role="img" aria-label="x"')
