"""The triggers of members and labels, and of dates and grants.

No guest is a member. Members and labels stay in their class, and a class in its course. What dates and grants name
belongs to the class or its course, and what was granted stays as it is.

A later migration that alters one of these tables on SQLite makes it anew, which drops its triggers. It must call
`remove` first and `install` afterwards.
"""

from typing import Any

GUEST = "EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)"
ELSEWHERE = """(SELECT of_class_id FROM classes_member WHERE id = NEW.member_id)
    <> (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id)"""
# For each trigger: the table, the event, what must not be, and the error.
RULES = {
    "classes_member_is_no_guest": ("classes_member", "INSERT", GUEST, "a guest is no member of a class"),
    "classes_member_becomes_no_guest": (
        "classes_member",
        "UPDATE OF user_id",
        GUEST,
        "a guest is no member of a class",
    ),
    "classes_member_stays": (
        "classes_member",
        "UPDATE OF of_class_id",
        "OLD.of_class_id <> NEW.of_class_id",
        "a member stays in the class",
    ),
    "classes_label_stays": (
        "classes_label",
        "UPDATE OF of_class_id",
        "OLD.of_class_id <> NEW.of_class_id",
        "a label stays in its class",
    ),
    "classes_class_stays": (
        "classes_class",
        "UPDATE OF course_id",
        "OLD.course_id <> NEW.course_id",
        "a class stays in its course",
    ),
    "classes_member_labels_agree": (
        "classes_member_labels",
        "INSERT",
        ELSEWHERE,
        "a member has labels of the own class only",
    ),
}

FOREIGN = """(NEW.lesson_id IS NOT NULL
    AND (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.challenge_id IS NOT NULL
    AND (SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.label_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id) <> NEW.of_class_id)
    OR (NEW.member_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id) <> NEW.of_class_id)"""
GRANTED_ELSEWHERE = """(SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id) <> (SELECT course_id
    FROM classes_class WHERE id = (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id))"""
FOREIGN_SAID, GRANTED_SAID = "a date rule names what is of its class", "a grant is for a challenge of the class"
NAMED = "of_class_id, lesson_id, challenge_id, label_id, member_id"
DATE_RULES = {
    "classes_daterule_begins": ("classes_daterule", "INSERT", FOREIGN, FOREIGN_SAID),
    "classes_daterule_stays": ("classes_daterule", f"UPDATE OF {NAMED}", FOREIGN, FOREIGN_SAID),
    "classes_grant_begins": ("classes_grant", "INSERT", GRANTED_ELSEWHERE, GRANTED_SAID),
    "classes_grant_moves": ("classes_grant", "UPDATE OF member_id, challenge_id", GRANTED_ELSEWHERE, GRANTED_SAID),
    "classes_grant_stays": (
        "classes_grant",
        "UPDATE OF challenge_id, attempts, reason",
        "OLD.challenge_id <> NEW.challenge_id OR OLD.attempts <> NEW.attempts OR OLD.reason <> NEW.reason",
        "a grant stays as it is",
    ),
}
Rules = dict[str, tuple[str, str, str, str]]


def install(apps: Any, schema_editor: Any) -> None:
    _install(RULES, schema_editor)


def remove(apps: Any, schema_editor: Any) -> None:
    _remove(RULES, schema_editor)


def install_dates(apps: Any, schema_editor: Any) -> None:
    _install(DATE_RULES, schema_editor)


def remove_dates(apps: Any, schema_editor: Any) -> None:
    _remove(DATE_RULES, schema_editor)


def _install(rules: Rules, schema_editor: Any) -> None:
    sqlite = schema_editor.connection.vendor == "sqlite"
    for name, (table, event, wrong, said) in rules.items():
        if sqlite:
            schema_editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {wrong} BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
            continue
        # The condition stands in the function, because a `WHEN` of PostgreSQL holds no subquery.
        schema_editor.execute(f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {wrong} THEN
        RAISE EXCEPTION '{said}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
""")


def _remove(rules: Rules, schema_editor: Any) -> None:
    for name, (table, *_rest) in rules.items():
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}; DROP FUNCTION IF EXISTS {name}()")


def install_again(apps: Any, schema_editor: Any) -> None:
    """Installs on SQLite what is lost where a table is made anew. PostgreSQL alters it, and keeps its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        remove(apps, schema_editor)
        install(apps, schema_editor)
