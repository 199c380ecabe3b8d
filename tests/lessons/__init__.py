"""What the built-in lessons say about their demos, searches, tables and records, and whether it is so."""

from pathlib import Path

import pytest

# The checks of each lesson are plain asserts outside a test module.
pytest.register_assert_rewrite(*(f"{__name__}.{file.stem}" for file in Path(__file__).parent.glob("[a-z]*.py")))
