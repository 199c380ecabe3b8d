"""The triggers by which lessons and challenges stay in their course, and by which published contents stay as they are.

So no import takes a lesson of another course. A later migration that alters `courses_lesson`, `courses_challenge` or
`courses_courseversion` on SQLite must remove them first and install them again afterwards.
"""

from typing import Any

from gradus import cross_table_rules
from gradus.cross_table_rules import Rule

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


def install_again(apps: Any, schema_editor: Any) -> None:
    """Installs on SQLite what is lost where a table is made anew. PostgreSQL alters it, and keeps its triggers."""
    if schema_editor.connection.vendor == "sqlite":
        remove(apps, schema_editor)
        install(apps, schema_editor)


VERSIONS = "courses_courseversion"
ENDED_SAID, KEPT_SAID = "only a draft of a course changes", "a published version stays with its course"
# An account may be deleted, which empties the two columns that name people.
FIXED = (
    "id", "course_id", "version", "digest", "archive", "archive_bytes", "contents", "state", "pushed_at",
    "published_at", "ended_at", "difference", "not_checked", "note",
)  # fmt: skip
PEOPLE = ("pushed_by_id", "published_by_id")
# Django deletes the rows of a course before the course, whose digest the receiver of `pre_delete` has emptied by then.
HELD = """OLD.state = 'published'
AND EXISTS (SELECT 1 FROM courses_course WHERE id = OLD.course_id AND digest <> '')"""


def _changed(vendor: str) -> str:
    differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
    columns = [f"NEW.{column} {differs} OLD.{column}" for column in FIXED]
    columns += [f"(NEW.{column} IS NOT NULL AND NEW.{column} {differs} OLD.{column})" for column in PEOPLE]
    return f"OLD.state <> 'draft' AND ({' OR '.join(columns)})"


def install_versions(apps: Any, schema_editor: Any) -> None:
    """Installs the triggers that keep whatever is no draft, and published contents for good."""
    vendor = schema_editor.connection.vendor
    if vendor == "sqlite":
        rules = (("ended", "UPDATE", _changed(vendor), ENDED_SAID), ("kept", "DELETE", HELD, KEPT_SAID))
        for name, event, condition, said in rules:
            schema_editor.execute(
                f"CREATE TRIGGER {VERSIONS}_{name} BEFORE {event} ON {VERSIONS} WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
        return
    schema_editor.execute(f"""
CREATE FUNCTION {VERSIONS}_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{ENDED_SAID}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER {VERSIONS}_ended BEFORE UPDATE ON {VERSIONS} FOR EACH ROW
WHEN ({_changed(vendor)}) EXECUTE FUNCTION {VERSIONS}_ended();
CREATE FUNCTION {VERSIONS}_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {HELD} THEN
        RAISE EXCEPTION '{KEPT_SAID}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER {VERSIONS}_kept BEFORE DELETE ON {VERSIONS} FOR EACH ROW EXECUTE FUNCTION {VERSIONS}_kept();
""")


def remove_versions(apps: Any, schema_editor: Any) -> None:
    for name in (f"{VERSIONS}_ended", f"{VERSIONS}_kept"):
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {VERSIONS}; DROP FUNCTION IF EXISTS {name}()")


REVEALS = {
    f"courses_reveal_after_freeze_{event.lower()}": Rule(
        "courses_course",
        "INSERT" if event == "INSERT" else "UPDATE OF frozen_at, reveal_at",
        "NEW.reveal_at IS NOT NULL AND (NEW.frozen_at IS NULL OR NEW.reveal_at < NEW.frozen_at)",
        "ranks are revealed after the leaderboards have closed",
    )
    for event in ("INSERT", "UPDATE")
}


def install_reveals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, REVEALS)


def remove_reveals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, REVEALS)
