"""A count of tokens that needs no model, and no tokenizer from this machine's data folder."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def no_models(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def count_words():
    return lambda text: len(text.split())
