"""As `test_fuzz.py`, as everybody, and with other and more cases. `conftest.py` says when this file is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from tests.api.fuzz.drawn import FITTING, SEED, document, send, to_something
from tests.api.fuzz.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
CALLERS = ("nobody", "learner", "staff")


@pytest.mark.parametrize("who", CALLERS)
@document(SEED).parametrize()
@settings(FITTING, max_examples=15, derandomize=True)
def test_calls_of_everybody_answer_as_the_document_says(case: Any, who: str, made: World) -> None:
    to_something(case, made)
    send(case, made.headers(who))


@pytest.mark.parametrize("who", CALLERS)
@document(SEED + 1).parametrize()
@settings(FITTING, max_examples=150)
def test_calls_answer_as_the_document_says_at_length(case: Any, who: str, made: World) -> None:
    to_something(case, made)
    send(case, made.headers(who))
