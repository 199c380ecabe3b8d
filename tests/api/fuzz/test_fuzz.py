"""Calls of each kind in the API's own document, with what fits them and what does not, as one who may call them.

Phases of schemathesis: boundary values of each parameter and field, then drawn ones, both fitting and not. On
PostgreSQL, which refuses what SQLite takes: a NUL in a text, a number beyond its column's. `-m slow` asks SQLite as
well, and `test_everybody.py` every call with the same cases, as everybody. Quick for every call are the honest ones of
`test_honest.py` and the hostile texts of `tests/security/test_characters.py`.
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
# A query, a path with a number, a body of each shape, bytes; by nobody, learners and staff.
CALLS = [
    *("advise", "submissions", "submit", "run_name", "question_answer", "upload_start", "upload_part"),
    *("reviews", "review_decision", "class_create", "class_grant", "class_roster_apply", "board_mark", "course_invite"),
]


@slow_on_sqlite
@document(SEED).include(operation_id=CALLS).parametrize()
@settings(FITTING, max_examples=15, derandomize=True)
def test_calls_answer_as_the_document_says(case: Any, made: World) -> None:
    who, *_ = HONEST[case.operation.definition.raw["operationId"]]
    to_something(case, made)
    send(case, made.headers(who))
