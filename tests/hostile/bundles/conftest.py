"""The tokenizer of the course's base model, for every test about broken bundles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.challenges.factory import put_tokenizer


@pytest.fixture(autouse=True, scope="module")
def tokenizer() -> Iterator[None]:
    """Lets lint count tokens, for rows that are too long. Other people may enter the folder."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)
        put_tokenizer(Path(folder))
        patch.setenv("GRADUS_DATA_DIR", folder)
        yield
