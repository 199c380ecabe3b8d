"""A plugin for a run on PostgreSQL: it leaves out the tests that use no database, which are the same on any.

pytest-django refuses the database to a test that does not ask for it, so none of them can use one unnoticed. With
`--leaning`, only those stay that lean on what the database itself guarantees: several transactions, an error that it
raises, or what is written for PostgreSQL. How many queries a page takes is the same on any, and only tests themselves
raise an OperationalError.
"""

from __future__ import annotations

from types import CodeType, FunctionType

import pytest
from django import db
from django.test import TransactionTestCase

NAMES = {"db", "transactional_db"}
ERRORS = {name for name, one in vars(db).items() if isinstance(one, type) and issubclass(one, db.Error)}
COUNTING = "CaptureQueriesContext"
DIRECTLY = {*ERRORS, "connection", "connections"} - {"OperationalError"}
"""A test that names one of these expects an error of the database, or uses its connection without a model."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--leaning", action="store_true", help="only tests that lean on the database's own guarantees")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept = [item for item in items if uses_a_database(item) and (not config.getoption("leaning") or leans_on_it(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def uses_a_database(item: pytest.Item) -> bool:
    asked = NAMES & set(getattr(item, "fixturenames", ()))
    return bool(is_of_django(item) or asked or item.get_closest_marker("django_db"))


def is_of_django(item: pytest.Item) -> bool:
    return bool(isinstance(item, pytest.Function) and item.cls and issubclass(item.cls, TransactionTestCase))


def leans_on_it(item: pytest.Item) -> bool:
    """Returns True if the test opens several transactions, is in this folder, or names one of `DIRECTLY`."""
    mark = item.get_closest_marker("django_db")
    transactions = "transactional_db" in getattr(item, "fixturenames", ()) or (mark and mark.kwargs.get("transaction"))
    if transactions or is_of_django(item) or item.path.parent.name == "postgres" or item.get_closest_marker("postgres"):
        return True
    used = names(item.function, set()) if isinstance(item, pytest.Function) else set()
    return bool(used & (ERRORS - {"OperationalError"} if COUNTING in used else DIRECTLY))


def names(function: FunctionType, seen: set[FunctionType]) -> set[str]:
    """Returns the names that a function uses, and those of the functions of its module that it calls."""
    seen.add(function)
    used = names_in(function.__code__)
    beside = (function.__globals__.get(name) for name in used)
    own = [each for each in beside if isinstance(each, FunctionType) and each.__module__ == function.__module__]
    return used.union(*(names(each, seen) for each in own if each not in seen))


def names_in(code: CodeType) -> set[str]:
    """Returns the names that a function uses, including those in the functions that it defines."""
    inner = (names_in(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)
