"""The registry of the kinds' pages: from a kind's name to its form and to how its submissions and results are shown.

A kind without an entry here, or in the entry-point group `gradus.pages`, gets the generic page.
"""

from django.urls import URLPattern

from challenges.registry import kind_names, load, registered
from gradus.learn.kinds.base import KindPage

PAGES = {
    "prompt": "gradus.learn.kinds.prompt:PAGE",
    "tune": "gradus.learn.kinds.tune.page:PAGE",
    "free_text": "gradus.learn.kinds.free_text:PAGE",
    "rag": "gradus.learn.kinds.rag.page:PAGE",
}
GENERIC = "gradus.learn.kinds.generic:PAGE"


def page_of(kind: str) -> KindPage:
    page: KindPage = load(registered("gradus.pages", PAGES).get(kind, GENERIC))
    return page


def templates_of(kind: str, part: str) -> list[str]:
    """The templates that may show a part (`form`, `payload` or `result`), the kind's own first."""
    return [f"learn/kinds/{kind}/{part}.html", f"learn/kinds/generic/{part}.html"]


def urls() -> list[URLPattern]:
    """The routes that only one kind has, of all kinds."""
    return [route for kind in kind_names() for route in page_of(kind).urls()]
