"""What the built-in lessons say about their demos, searches, tables and records, and whether it is so."""

import pytest

# Their checks are plain asserts outside a test module.
pytest.register_assert_rewrite(
    "tests.lessons.retrieval",
    "tests.lessons.fine_tuning_vs_prompting",
    "tests.lessons.fine_tuning_in_practice",
    "tests.lessons.teaching_preferences",
)
