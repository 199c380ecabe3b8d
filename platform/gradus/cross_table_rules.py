"""Makes the database refuse rows that break a rule over several tables, with triggers on SQLite and PostgreSQL.

Migrations call these functions. On SQLite, a later migration that alters the table of a rule, or a table that the rule
reads, makes that table anew: it has to call `remove` first, and `install` afterwards. Where rules of many apps read the
table, it calls `lift` and `restore`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SQLITE = """
CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {wrong}
BEGIN SELECT RAISE(ABORT, '{said}'); END
"""
# The condition stands in the function, because a `WHEN` of PostgreSQL holds no subquery.
POSTGRESQL = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {wrong} THEN
        RAISE EXCEPTION '{said}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
"""
# In a table that ends with the connection.
KEEP = """CREATE TEMPORARY TABLE gradus_lifted_triggers AS
    SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(sql, %s)"""


@dataclass(frozen=True)
class Rule:
    """Refuses `event` on `table` where the condition `wrong` holds, which may name OLD and NEW. `said` is the error.

    Booleans are compared as booleans: `NEW.flag` on its own, because PostgreSQL compares none with a number.
    """

    table: str
    event: str
    wrong: str
    said: str


def install(schema_editor: Any, rules: Mapping[str, Rule]) -> None:
    """Installs a trigger for each rule, by the trigger's name."""
    statement = SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL
    for name, rule in rules.items():
        schema_editor.execute(statement.format(name=name, **vars(rule)))


def remove(schema_editor: Any, rules: Mapping[str, Rule]) -> None:
    """Removes the triggers that `install` made of these rules."""
    for name, rule in rules.items():
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {rule.table}; DROP FUNCTION IF EXISTS {name}()")


def lift(schema_editor: Any, table: str) -> None:
    """On SQLite, removes all triggers that name the table, of whatever app, until `restore` is called."""
    if schema_editor.connection.vendor != "sqlite":
        return
    schema_editor.execute(KEEP, [table])
    for name, _sql in _lifted(schema_editor):
        schema_editor.execute(f"DROP TRIGGER {name}")


def restore(schema_editor: Any) -> None:
    """Installs the triggers again that `lift` has removed."""
    if schema_editor.connection.vendor != "sqlite":
        return
    for _name, sql in _lifted(schema_editor):
        schema_editor.execute(sql, None)
    schema_editor.execute("DROP TABLE gradus_lifted_triggers")


def _lifted(schema_editor: Any) -> list[tuple[str, str]]:
    with schema_editor.connection.cursor() as cursor:
        return list(cursor.execute("SELECT name, sql FROM gradus_lifted_triggers").fetchall())
