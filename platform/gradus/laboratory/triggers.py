"""The trigger by which a prediction stays as it was made, and is settled once.

A later migration that alters `laboratory_prediction` on SQLite makes the table anew, which drops its trigger: it has to
call `install` again.
"""

from typing import Any

SAID = "a prediction stays as it was made and is settled once"
CHANGED = """OLD.outcome IS NOT NULL OR NEW.arm <> OLD.arm OR NEW.probability <> OLD.probability
OR NEW.contribution_id <> OLD.contribution_id"""
SQLITE = f"""
CREATE TRIGGER laboratory_predictions_stay BEFORE UPDATE ON laboratory_prediction WHEN {CHANGED}
BEGIN SELECT RAISE(ABORT, '{SAID}'); END
"""
POSTGRESQL = f"""
CREATE FUNCTION laboratory_predictions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER laboratory_predictions_stay BEFORE UPDATE ON laboratory_prediction FOR EACH ROW
WHEN ({CHANGED}) EXECUTE FUNCTION laboratory_predictions_stay();
"""
DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS laboratory_predictions_stay",
    "postgresql": "DROP TRIGGER IF EXISTS laboratory_predictions_stay ON laboratory_prediction; "
    "DROP FUNCTION IF EXISTS laboratory_predictions_stay()",
}


def install(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def remove(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(DROP[schema_editor.connection.vendor])
