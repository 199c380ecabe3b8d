"""The page of messages has a row for each mistake. The tests of lint and of archives ask what each row says."""

from __future__ import annotations

from tests.hostile.bundles.page import ARCHIVES_TITLE, PAGE, laid_out, recorded
from tests.hostile.bundles.table import ARCHIVES, FOLDERS


def test_the_page_has_a_row_for_each_mistake() -> None:
    mistakes = {**FOLDERS, ARCHIVES_TITLE: ARCHIVES}
    names = {title: [case.name for case in cases] for title, cases in mistakes.items()}
    rows = recorded()
    assert {title: [row.split(" | ")[0].removeprefix("| ") for row in table] for title, table in rows.items()} == names
    assert PAGE.read_text(encoding="utf-8") == laid_out(rows), "run `python -m tests.hostile.bundles.page`"
