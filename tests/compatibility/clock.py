"""A clock that stands still for Python and for the SQLite database, so that a recording can be answered in its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone


@contextmanager
def standing_at(moment: datetime) -> Iterator[Any]:
    """The traveller, which can be moved on. Make the tables before, because `Now` is also a column's default."""
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(moment, tick=False) as clock:
        patch.setattr(Now, "as_sqlite", _now)
        yield clock


def _now(self: Now, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
    return f"'{timezone.now():%Y-%m-%d %H:%M:%S.%f}'", []
