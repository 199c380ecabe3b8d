"""Checks for values of workers that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.apps import apps
from django.db.models import Model, TextField
from django.db.models.functions import Cast, Length

from challenges.texts import several
from gradus.operations.doctor.results import Result, ok, warn
from gradus.stored_json import SHORTEST_UNREADABLE, is_unreadable

# As many numbers of rows are named.
NAMED = 10
HINT = "All others go on. See docs/operations/upkeep.md, “What was set aside”."
# The columns of JSON that workers write.
COLUMNS = (
    ("submissions.Evaluation", "trained"),
    ("submissions.Event", "data"),
    ("submissions.WorkerStatus", "base_models"),
    ("submissions.WorkerStatus", "lacks"),
    ("submissions.EngineChoice", "choice"),
    ("reviews.JudgeCall", "request"),
    ("reviews.JudgeCall", "reply"),
)


def values() -> Iterator[Result]:
    """Counts values of workers that cannot be read."""
    found = list(_found())
    yield from found
    if not found:
        yield ok("set aside", "nothing: all that workers have written can be read")


def _found() -> Iterator[Result]:
    for name, column in COLUMNS:
        model = apps.get_model(name)
        if keys := unreadable(model, column):
            text = f"{several(len(keys), 'row')} of {model._meta.db_table} cannot be read in {column}: {_numbers(keys)}"
            yield warn("set aside", text, HINT)


def _numbers(keys: list[int]) -> str:
    named = ", ".join(map(str, islice(keys, NAMED)))
    return f"{named} ..." if len(keys) > NAMED else named


def unreadable(model: type[Model], column: str) -> list[int]:
    """Returns the keys of the rows whose value in this column cannot be read."""
    long: Any = model._default_manager.annotate(chars=Length(Cast(column, TextField())))
    long = long.filter(chars__gte=SHORTEST_UNREADABLE).order_by("pk")
    return [key for key, value in long.values_list("pk", column).iterator() if is_unreadable(value)]
