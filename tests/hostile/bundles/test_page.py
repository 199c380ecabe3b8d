"""The authors' page of messages says what lint says."""

from __future__ import annotations

import pytest

from tests.hostile.bundles.page import PAGE, page


def test_the_page_of_messages_says_what_lint_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # Kept, so that it is as before after the test.
    monkeypatch.setenv("GRADUS_DATA_DIR", "")
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.hostile.bundles.page`"
