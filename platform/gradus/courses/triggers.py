"""The triggers by which lessons and challenges stay in their course, so that no import takes those of another course.

A later migration that alters `courses_lesson` or `courses_challenge` on SQLite must remove them first and install them
again afterwards.
"""

from typing import Any

SAID = "a lesson or challenge stays in its course"
MOVED = "OLD.course_id <> NEW.course_id"
ELSEWHERE = "NEW.course_id <> (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)"
SQLITE = (
    f"""
CREATE TRIGGER courses_lesson_stays BEFORE UPDATE OF course_id ON courses_lesson WHEN {MOVED}
BEGIN SELECT RAISE(ABORT, '{SAID}'); END
""",
    f"""
CREATE TRIGGER courses_challenge_stays BEFORE UPDATE OF course_id, lesson_id ON courses_challenge
WHEN {MOVED} OR {ELSEWHERE}
BEGIN SELECT RAISE(ABORT, '{SAID}'); END
""",
    f"""
CREATE TRIGGER courses_challenge_begins BEFORE INSERT ON courses_challenge WHEN {ELSEWHERE}
BEGIN SELECT RAISE(ABORT, '{SAID}'); END
""",
)
POSTGRESQL = (
    f"""
CREATE FUNCTION courses_lesson_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER courses_lesson_stays BEFORE UPDATE OF course_id ON courses_lesson FOR EACH ROW
WHEN ({MOVED}) EXECUTE FUNCTION courses_lesson_stays();
""",
    f"""
CREATE FUNCTION courses_challenge_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {ELSEWHERE} OR (TG_OP = 'UPDATE' AND OLD.course_id <> NEW.course_id) THEN
        RAISE EXCEPTION '{SAID}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER courses_challenge_stays BEFORE INSERT OR UPDATE OF course_id, lesson_id ON courses_challenge
FOR EACH ROW EXECUTE FUNCTION courses_challenge_stays();
""",
)
NAMES = {
    "courses_lesson_stays": "courses_lesson",
    "courses_challenge_stays": "courses_challenge",
    "courses_challenge_begins": "courses_challenge",
}


def install(apps: Any, schema_editor: Any) -> None:
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def remove(apps: Any, schema_editor: Any) -> None:
    for name, table in NAMES.items():
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}; DROP FUNCTION IF EXISTS {name}()")
