"""The trigger that keeps the log of staff actions as it was written. The first migration installs it."""

from typing import Any

from gradus import append_only

TABLE, MESSAGE = "accounts_staffaction", "what staff did is never changed or removed"


def install(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor, TABLE, MESSAGE)


def remove(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE)
