"""The triggers that keep the public keys of receipts. The first migration installs them."""

from typing import Any

from gradus import append_only

TABLE, MESSAGE = "receipts_receiptkey", "a public key of receipts is never changed or removed"


def install(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor, TABLE, MESSAGE)


def remove(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE)
