from __future__ import annotations

import pytest

from gradus.challenge_health import figures


@pytest.fixture(autouse=True)
def computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, pages compute figures that are no longer true."""
    monkeypatch.setattr(figures, "QUICK_SECONDS", 600.0)
