"""Makes tables append-only with triggers, on SQLite and PostgreSQL. Migrations call these functions.

On SQLite, a later migration that alters such a table creates the table again, which drops its triggers. That migration
has to call `install` once more.
"""

from typing import Any

SQLITE = """
CREATE TRIGGER {name} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
POSTGRESQL = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}();
"""
# Each event, and whether its trigger runs for each row or once for a statement. SQLite has no TRUNCATE.
EVENTS = {"update": "ROW", "delete": "ROW", "truncate": "STATEMENT"}


def install(schema_editor: Any, table: str, message: str, *events: str) -> None:
    """Makes the database refuse these events on the table, by default all of `EVENTS`, with `message` as its error."""
    sqlite = schema_editor.connection.vendor == "sqlite"
    for event in events or EVENTS:
        if sqlite and event == "truncate":
            continue
        values = {"name": f"{table}_no_{event}", "event": event.upper(), "table": table, "each": EVENTS[event]}
        schema_editor.execute((SQLITE if sqlite else POSTGRESQL).format(message=message, **values))


def remove(schema_editor: Any, table: str, *events: str) -> None:
    """Removes the triggers that `install` made with the same arguments."""
    for event in events or EVENTS:
        name = f"{table}_no_{event}"
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}; DROP FUNCTION IF EXISTS {name}()")
