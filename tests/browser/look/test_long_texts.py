"""On the pages that are marked, texts that are a third longer than English still fit a small screen.

Every page is looked at for barriers too, in the dark theme: a walk over all pages is expensive.
"""

from __future__ import annotations

import pytest
from django.utils.translation import override

from tests.browser.driver.pages import furnish
from tests.browser.driver.seen import TOO_WIDE
from tests.browser.look.test_pages import barriers
from tests.words.pseudo import use_pseudo_locale

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SMALL = {"width": 360, "height": 740}
# Two rows of the header, as in English.
HEADER = 84


def test_nothing_becomes_wider_than_a_small_screen_and_axe_finds_nothing(
    ada, grace, tmp_path, settings, visit, axe
) -> None:
    with override("en"):
        pages = furnish(tmp_path, ada)
    use_pseudo_locale(settings)
    found = {}
    for user, paths in ((None, pages.open), (ada, pages.own), (grace, [*pages.staff, "/nowhere/"])):
        page = visit(user, viewport=SMALL, color_scheme="dark", reduced_motion="reduce")
        # The browser would report the status of the error page.
        page.route("**/nowhere/", lambda route: route.fulfill(response=route.fetch(), status=200))
        for path in paths:
            page.goto(path)
            assert page.locator("html").get_attribute("lang") == "en-xa"
            found[path] = page.evaluate(TOO_WIDE) or barriers(axe, page)
            assert page.locator(".site-header").evaluate("(e) => e.getBoundingClientRect().height") <= HEADER, path
    assert not {path: wrong for path, wrong in found.items() if wrong}


def test_texts_of_scripts_are_translated(ada, course, settings, visit) -> None:
    use_pseudo_locale(settings)
    page = visit(ada)
    page.goto("/challenges/explain/")
    page.get_by_role("textbox").first.fill("Too short.")
    count = page.locator("#words")
    count.filter(has_text="⟦").wait_for()
    assert count.text_content() == "⟦2 ŵööŕðš, 3 ɱööŕéé ŧöö ĝöö⟧"
