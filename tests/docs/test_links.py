"""Links between the project's pages lead to files and headings that exist."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import ROOT, anchors, links, pages

PAGES = pages()


def target(page: Path, link: str) -> Path:
    path = unquote(urlsplit(link).path)
    return (page.parent / path).resolve() if path else page


def broken(page: Path, text: str) -> list[str]:
    found = []
    for link in links(text):
        place, fragment = target(page, link), urlsplit(link).fragment
        inside = place.is_relative_to(ROOT) and place.exists()
        if not inside or (fragment and place.suffix == ".md" and fragment not in anchors(place.read_text())):
            found.append(link)
    return found


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(file):
    assert broken(file, file.read_text()) == []


def test_pages_and_links_are_found():
    found = {str(page.relative_to(ROOT)) for page in PAGES}
    assert found >= {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/operations/upkeep.md"}
    assert "benchmarks/README.md" in found
    assert len(list(links((ROOT / "docs" / "README.md").read_text()))) > 10


@pytest.mark.parametrize("link", ["missing.md", "glossary.md#missing", "images/missing.webp", "../../outside.md"])
def test_a_link_that_leads_nowhere_is_found(link):
    page = ROOT / "docs" / "bundle.md"
    assert broken(page, f"See [there]({link}), [words](glossary.md) and [a site](https://example.org/x).") == [link]


def test_every_page_of_docs_is_linked_from_its_start_page():
    start = ROOT / "docs" / "README.md"
    linked = {target(start, link) for link in links(start.read_text())}
    pages = {*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "operations").glob("*.md")}
    assert pages - {start} - linked == set()
