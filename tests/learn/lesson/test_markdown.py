import pytest

from gradus.learn.lesson.markdown import render, render_line


def test_table_code_and_headings_are_rendered():
    page = render("## What it is\n\n### Part\n\n| a |\n| - |\n| 1 |\n\n```python\nx = 1\n```\n")
    assert "<table>" in page.html and 'id="what-it-is"' in page.html
    assert '<pre class="highlight"><code>' in page.html and 'class="mi"' in page.html
    assert [(h.level, h.id, h.text) for h in page.headings] == [(2, "what-it-is", "What it is"), (3, "part", "Part")]


def test_formulas_stay_latex_for_the_browser():
    page = render("Mass $a_1 < b$.\n\n$$\n\\sum_t x_t\n$$\n")
    assert '<span class="math inline">a_1 &lt; b</span>' in page.html
    assert "math block" in page.html and "\\sum_t x_t" in page.html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "<!-- demo --><script>alert(1)</script>",
        '```"><script>\nx\n```',
        "<style>*{}</style>",
    ],
)
def test_nothing_executable_gets_through(text):
    html = render(text).html
    for live in ("<script", "<img", "<style", 'href="javascript'):
        assert live not in html


def test_marks_cut_the_page_where_features_stand():
    page = render("One.\n\n<!-- demo -->\n\nTwo.\n\n<!-- unknown -->\n\n<!-- board -->\n")
    assert [part.feature for part in page.parts] == ["", "demo", "", "board"]
    assert "unknown" not in page.html


def test_an_author_cannot_fake_a_mark_with_the_cut_character():
    page = render("a\ue000demo\ue000b")
    assert [part.feature for part in page.parts] == [""]


def test_folds_become_details_and_their_headings_stay_out_of_the_contents():
    page = render("## A\n\n::: fold More <b>\nText.\n\n## Inside\n:::\n\n## B\n")
    assert '<details class="fold"><summary>More &lt;b&gt;</summary><p>Text.</p>' in page.html
    assert page.html.count("<details") == page.html.count("</details>") == 1
    assert [heading.text for heading in page.headings] == ["A", "B"]


def test_an_illustration_cuts_the_page_and_its_words_stand_for_it():
    page = render('One.\n\n![What it shows](assets/it.svg "Caption")\n\nTwo.\n')
    assert [part.illustration is not None for part in page.parts] == [False, True, False]
    image = page.parts[1].illustration
    assert (image.source, image.alternative, image.caption) == ("assets/it.svg", "What it shows", "Caption")
    assert "<p>What it shows</p>" in page.html and "<img" not in page.html


@pytest.mark.parametrize(
    "text", ["![w<b>s](https://example.org/a.png)", "a ![w<b>s](assets/a.svg) b", "![w<b>s](/x.svg)"]
)
def test_an_image_that_is_no_illustration_is_its_words(text):
    page = render(text)
    assert "w&lt;b&gt;s" in page.html and "<img" not in page.html and page.parts[0].illustration is None


def test_a_line_has_emphasis_and_code_and_nothing_executable():
    assert render_line("Is *fine* `a < b`, $x_1$?") == (
        'Is <em>fine</em> <code>a &lt; b</code>, <span class="math inline">x_1</span>?'
    )
    assert render_line("2 * 3 * 4 [x](/y) <script>a</script>") == "2 * 3 * 4 x &lt;script&gt;a&lt;/script&gt;"
