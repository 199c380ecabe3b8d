"""The triggers that keep decisions and the log of judge calls as they were written, and that guard gold rows.

The first migration installs them. A later migration that alters one of the tables on SQLite makes it anew, which drops
its triggers: run the function that installs them again in it. `tests/reviews/test_decisions.py` and
`tests/reviews/test_judge_calls.py` fail otherwise.
"""

from typing import Any

from gradus import append_only, cross_table_rules
from gradus.cross_table_rules import Rule

DECISION = ("decided_at", "decided_by_id", "marks", "reason", "in_bulk", "comment")
BLIND = ("blind_at", "blind_by_id", "blind_marks")
DECISION_MESSAGE = "a decision is never changed"
DECISION_SQLITE = """
CREATE TRIGGER reviews_{name}_is_final BEFORE UPDATE ON reviews_review
WHEN OLD.{at} IS NOT NULL AND ({changed})
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
DECISION_POSTGRESQL = """
CREATE FUNCTION reviews_{name}_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER reviews_{name}_is_final BEFORE UPDATE ON reviews_review FOR EACH ROW
WHEN (OLD.{at} IS NOT NULL AND ({changed})) EXECUTE FUNCTION reviews_{name}_is_final();
"""
DECISION_DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS reviews_{name}_is_final",
    "postgresql": "DROP TRIGGER IF EXISTS reviews_{name}_is_final ON reviews_review; "
    "DROP FUNCTION IF EXISTS reviews_{name}_is_final()",
}


def install_decisions(apps: Any, schema_editor: Any) -> None:
    """Installs them for the columns that the table has at this migration."""
    vendor = schema_editor.connection.vendor
    there = {field.attname for field in apps.get_model("reviews", "Review")._meta.concrete_fields}
    for name, guarded in (("decision", DECISION), ("blind_marks", BLIND)):
        columns = [column for column in guarded if column in there]
        differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
        changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
        sql = DECISION_SQLITE if vendor == "sqlite" else DECISION_POSTGRESQL
        schema_editor.execute(sql.format(name=name, at=columns[0], changed=changed, message=DECISION_MESSAGE))


def remove_decisions(apps: Any, schema_editor: Any) -> None:
    for name in ("decision", "blind_marks"):
        schema_editor.execute(DECISION_DROP[schema_editor.connection.vendor].format(name=name))


CALLS_TABLE, CALLS_MESSAGE = "reviews_judgecall", "a logged call stays with its evaluation"
CALLS_SQLITE = (
    """
CREATE TRIGGER reviews_judgecall_never_changes BEFORE UPDATE ON reviews_judgecall
BEGIN SELECT RAISE(ABORT, 'a logged call is never changed'); END
""",
    """
CREATE TRIGGER reviews_judgecall_stays BEFORE DELETE ON reviews_judgecall
WHEN EXISTS (SELECT 1 FROM submissions_evaluation WHERE id = OLD.evaluation_id)
BEGIN SELECT RAISE(ABORT, 'a logged call stays with its evaluation'); END
""",
)
CALLS_POSTGRESQL = """
CREATE FUNCTION reviews_judgecall_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a logged call is never changed' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER reviews_judgecall_never_changes BEFORE UPDATE ON reviews_judgecall
FOR EACH ROW EXECUTE FUNCTION reviews_judgecall_never_changes();
CREATE FUNCTION reviews_judgecall_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM submissions_evaluation WHERE id = OLD.evaluation_id) THEN
    RAISE EXCEPTION 'a logged call stays with its evaluation' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER reviews_judgecall_stays BEFORE DELETE ON reviews_judgecall
FOR EACH ROW EXECUTE FUNCTION reviews_judgecall_stays();
"""
CALLS_NAMES = ("reviews_judgecall_never_changes", "reviews_judgecall_stays")


def install_calls(apps: Any, schema_editor: Any) -> None:
    for statement in CALLS_SQLITE if schema_editor.connection.vendor == "sqlite" else (CALLS_POSTGRESQL,):
        schema_editor.execute(statement)
    # PostgreSQL's TRUNCATE fires no trigger of a row, so the table is guarded against it as a whole.
    append_only.install(schema_editor, CALLS_TABLE, CALLS_MESSAGE, "truncate")


def remove_calls(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, CALLS_TABLE, "truncate")
    for name in CALLS_NAMES:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON reviews_judgecall")
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}()")


# A row that is made of a decision needs a consent that stands at that moment and is about the same question.
CONSENTED = (
    "EXISTS (SELECT 1 FROM reviews_goldconsent WHERE id = NEW.consent_id AND challenge_id = NEW.challenge_id "
    "AND revoked_at IS NULL)"
)
GOLD_MESSAGE = "a gold row is made by itself only while an editor consents"
GOLD_SQLITE = (
    f"""
CREATE TRIGGER reviews_goldrow_needs_consent BEFORE INSERT ON reviews_goldrow
WHEN NEW.consent_id IS NOT NULL AND NOT {CONSENTED}
BEGIN SELECT RAISE(ABORT, '{GOLD_MESSAGE}'); END
""",
    f"""
CREATE TRIGGER reviews_goldrow_keeps_consent BEFORE UPDATE ON reviews_goldrow
WHEN NEW.consent_id IS NOT OLD.consent_id
BEGIN SELECT RAISE(ABORT, '{GOLD_MESSAGE}'); END
""",
)
GOLD_POSTGRESQL = f"""
CREATE FUNCTION reviews_goldrow_needs_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NEW.consent_id IS DISTINCT FROM OLD.consent_id THEN
      RAISE EXCEPTION '{GOLD_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  ELSIF NEW.consent_id IS NOT NULL AND NOT {CONSENTED} THEN
    RAISE EXCEPTION '{GOLD_MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER reviews_goldrow_needs_consent BEFORE INSERT OR UPDATE ON reviews_goldrow
FOR EACH ROW EXECUTE FUNCTION reviews_goldrow_needs_consent();
"""


def install_gold(apps: Any, schema_editor: Any) -> None:
    for statement in GOLD_SQLITE if schema_editor.connection.vendor == "sqlite" else (GOLD_POSTGRESQL,):
        schema_editor.execute(statement)


def remove_gold(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for name in ("needs", "keeps"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS reviews_goldrow_{name}_consent")
    else:
        schema_editor.execute("DROP TRIGGER IF EXISTS reviews_goldrow_needs_consent ON reviews_goldrow")
        schema_editor.execute("DROP FUNCTION IF EXISTS reviews_goldrow_needs_consent()")


# When an account is deleted, what was written about its answers goes: the reasons and comments of decisions, and what
# the judge read and said. Marks, figures and who decided stay. The rules take the place, and the names, of those above.
OF_A_DELETED = """EXISTS (SELECT 1 FROM submissions_submission AS attempt
    JOIN accounts_user AS person ON person.id = attempt.user_id AND person.deleted_at IS NOT NULL
    WHERE attempt.id = OLD.submission_id)"""
CALL_OF_A_DELETED = """EXISTS (SELECT 1 FROM submissions_evaluation AS graded
    JOIN submissions_submission AS attempt ON attempt.id = graded.submission_id
    JOIN accounts_user AS person ON person.id = attempt.user_id AND person.deleted_at IS NOT NULL
    WHERE graded.id = OLD.evaluation_id)"""


def _changed(*columns: str) -> str:
    texts = ((f"CAST({row}.{name} AS TEXT)" for row in ("NEW", "OLD")) for name in columns)
    return " OR ".join(f"COALESCE({new}, '') <> COALESCE({old}, '')" for new, old in texts)


TEXTS = ("reason", "comment")
WITHOUT_TEXTS = f"(NEW.reason = '' AND NEW.comment = '' AND {OF_A_DELETED})"
OTHERS = _changed(*(name for name in DECISION if name not in TEXTS))
CALL = (
    *("id", "evaluation_id", "template", "model", "rung", "prompt_tokens", "completion_tokens", "seconds"),
    *("cost_micros", "currency", "created_at"),
)
EMPTIED = f"""(CAST(NEW.request AS TEXT) = '{{}}' AND NEW.response = '' AND NEW.reply IS NULL AND NEW.problem = ''
    AND NEW.key = '' AND {CALL_OF_A_DELETED})"""
FORGETTING = {
    "reviews_decision_is_final": Rule(
        "reviews_review",
        "UPDATE",
        f"OLD.decided_at IS NOT NULL AND ({OTHERS} OR (({_changed(*TEXTS)}) AND NOT {WITHOUT_TEXTS}))",
        DECISION_MESSAGE,
    ),
}
CALLS_FORGETTING = {
    "reviews_judgecall_never_changes": Rule(
        CALLS_TABLE, "UPDATE", f"{_changed(*CALL)} OR NOT {EMPTIED}", "a logged call is never changed"
    )
}


def install_forgetting(apps: Any, schema_editor: Any) -> None:
    _drop_older(schema_editor)
    cross_table_rules.install(schema_editor, FORGETTING | CALLS_FORGETTING)


def remove_forgetting(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, FORGETTING | CALLS_FORGETTING)
    remove_decisions(apps, schema_editor)
    install_decisions(apps, schema_editor)
    remove_calls(apps, schema_editor)
    install_calls(apps, schema_editor)


def _drop_older(schema_editor: Any) -> None:
    schema_editor.execute(DECISION_DROP[schema_editor.connection.vendor].format(name="decision"))
    cross_table_rules.remove(schema_editor, CALLS_FORGETTING)


def install_call_guards(apps: Any, schema_editor: Any) -> None:
    """Installs the triggers of the judge's calls as all migrations leave them."""
    install_calls(apps, schema_editor)
    cross_table_rules.remove(schema_editor, CALLS_FORGETTING)
    cross_table_rules.install(schema_editor, CALLS_FORGETTING)


remove_call_guards = remove_calls
