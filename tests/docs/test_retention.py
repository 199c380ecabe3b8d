"""The documentation says how long things are kept, in the words of the registry that deletes them."""

from __future__ import annotations

from django.conf import settings

from gradus import retention

HEADING = "## How long things are kept\n"


def test_the_table_is_the_registrys() -> None:
    pages = [path.read_text() for path in (settings.BASE_DIR / "docs").rglob("*.md")]
    (page,) = [page for page in pages if HEADING in page]
    written = page.partition(HEADING)[2].strip().partition("\n\n")[0]
    assert written == retention.table(), "replace the table by what retention.table() returns"
