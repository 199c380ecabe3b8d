"""A plugin for a run on PostgreSQL: it leaves out the tests that use no database, which are the same on any.

pytest-django refuses the database to a test that does not ask for it, so none of them can use one unnoticed.
"""

from __future__ import annotations

import pytest
from django.test import TransactionTestCase

NAMES = {"db", "transactional_db"}


def uses_a_database(item: pytest.Item) -> bool:
    of_django = isinstance(item, pytest.Function) and item.cls and issubclass(item.cls, TransactionTestCase)
    asked = NAMES & set(getattr(item, "fixturenames", ()))
    return bool(of_django or asked or item.get_closest_marker("django_db"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not uses_a_database(item)])
    items[:] = [item for item in items if uses_a_database(item)]
