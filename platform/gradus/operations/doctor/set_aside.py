"""Checks for what was set aside: results of workers that could not be recorded, and values that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.apps import apps
from django.db.models import Model, TextField
from django.db.models.functions import Cast, Length

from challenges.texts import several
from gradus.operations.doctor.results import Result, ok, warn
from gradus.operations.worker_role.rights import RIGHTS
from gradus.stored_json import SHORTEST_UNREADABLE, JSONField, is_unreadable
from gradus.submissions.models import HandedIn

# As many numbers of rows are named.
NAMED = 10
HINT = "All others go on. See docs/operations/upkeep.md, “What was set aside”."


def set_aside() -> Iterator[Result]:
    """Counts results of workers that the reconciler could not record, and values of workers that cannot be read."""
    found = list(_found())
    yield from found
    if not found:
        yield ok("set aside", "nothing: all that workers have written can be read")


def _found() -> Iterator[Result]:
    if keys := list(HandedIn.objects.set_aside().order_by("pk").values_list("pk", flat=True)):
        text = f"{several(len(keys), 'result')} of workers could not be recorded: {_numbers(keys)}"
        yield warn("set aside", text, HINT)
    for model, column in columns_of_workers():
        if keys := unreadable(model, column):
            text = f"{several(len(keys), 'row')} of {model._meta.db_table} cannot be read in {column}: {_numbers(keys)}"
            yield warn("set aside", text, HINT)


def _numbers(keys: list[int]) -> str:
    named = ", ".join(map(str, islice(keys, NAMED)))
    return f"{named} ..." if len(keys) > NAMED else named


def columns_of_workers() -> Iterator[tuple[type[Model], str]]:
    """Yields the columns of JSON that workers write, whatever their rights."""
    tables = {model._meta.db_table: model for model in apps.get_models()}
    for right in RIGHTS:
        for field in tables[right.table]._meta.concrete_fields:
            if isinstance(field, JSONField) and field.column in f"{right.adds} {right.changes}".split():
                yield tables[right.table], field.name


def unreadable(model: type[Model], column: str) -> list[int]:
    """Returns the keys of the rows whose value in this column cannot be read."""
    long: Any = model._default_manager.annotate(chars=Length(Cast(column, TextField())))
    long = long.filter(chars__gte=SHORTEST_UNREADABLE).order_by("pk")
    return [key for key, value in long.values_list("pk", column).iterator() if is_unreadable(value)]
