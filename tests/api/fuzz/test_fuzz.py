"""Every call of the API's own document, with what fits it and what does not, as one who may call it.

Phases of schemathesis: boundary values of each parameter and field, then drawn ones, both fitting and not. On
PostgreSQL, which refuses what SQLite takes: a NUL in a text, a number beyond its column's. `-m slow` asks SQLite as
well, and as everybody (`test_everybody.py`).
`conftest.py` says when this file is read.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from tests.api.fuzz.drawn import FITTING, SEED, document, send, to_something
from tests.api.fuzz.test_honest import HONEST
from tests.api.fuzz.world import World
from tests.requirements import slow_on_sqlite

pytestmark = pytest.mark.django_db


@slow_on_sqlite
@document(SEED).parametrize()
@settings(FITTING, max_examples=15, derandomize=True)
def test_calls_answer_as_the_document_says(case: Any, made: World) -> None:
    who, *_ = HONEST[case.operation.definition.raw["operationId"]]
    to_something(case, made)
    send(case, made.headers(who))
