"""The search for unmarked texts finds each kind of text that people read, and nothing that is not the site's words."""

import pytest

from gradus.pseudo_locale import accented
from tests.words.unmarked import unmarked


def page(inside: str, around: str = "") -> str:
    return f'<html lang="en-xa"><head></head><body>{around}<main>{inside}</main></body></html>'


@pytest.mark.parametrize(
    "inside",
    [
        "<p>Plain</p>",
        "<p>3 rows</p>",
        "<option>Plain",
        f"<p>{accented('Marked')}, plain</p>",
        '<img alt="Plain">',
        '<a title="Plain"></a>',
        '<div aria-label="Plain"></div>',
        '<input placeholder="Plain">',
        '<input type="submit" value="Plain">',
        '<button data-confirm="Plain"></button>',
        '<svg><title>Plain</title><path d="M1 1"/></svg>',
        # A bracket that was cut off covers only its own element.
        f"<p>{accented('Cut off')[:-1]}</p><p>Plain</p>",
        f'<p title="{accented("Marked")} plain"></p>',
        '<p lang="en-XA">Plain</p>',
    ],
)
def test_an_unmarked_text_is_found(inside: str) -> None:
    assert len(unmarked(page(inside))) == 1


@pytest.mark.parametrize(
    "inside",
    [
        f"<p>{accented('Marked')}</p>",
        f"<p>{accented('Three <strong>bold</strong> words')}</p>",
        f"<p>{accented('The reason is: %s') % accented('another text')}</p>",
        f'<p title="{accented("Marked: %s") % accented("inside")}"></p>',
        "<p>1,234.5 % · 28.11. · 3 + 4</p>",
        "<p>Gradus</p>",
        '<h1 lang="en">Content</h1>',
        '<img lang="en" alt="A picture of the course">',
        '<p lang="">A person <b title="x">wrote</b> this<br>and this</p>',
        "<code>code</code><pre>code</pre><kbd>Enter</kbd><script>let x;</script><style>p {}</style>",
        '<input type="text" value="typed"><input type="hidden" value="hidden">',
    ],
)
def test_what_needs_no_mark_is_left_out(inside: str) -> None:
    assert unmarked(page(inside)) == []


def test_a_page_and_its_frame_are_examined_apart() -> None:
    around = '<title>Of the page</title><meta name="description" content="Of the page"><nav aria-label="Main"></nav>'
    html = page("<p>Of the page</p>", around)
    assert unmarked(html) == ["Of the page"] * 3
    assert unmarked(html, frame=True) == ["Main"]


def test_texts_after_content_are_examined_again() -> None:
    assert unmarked(page('<h1 lang="en">Content</h1><p>Plain</p>')) == ["Plain"]
