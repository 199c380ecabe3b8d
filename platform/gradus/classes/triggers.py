"""Database triggers that protect members, labels, date rules and grants.

A guest cannot become a member. Members and labels cannot move to another class, nor a class to another course. Date
rules and grants can only refer to rows of their class or its course, and a grant can only be withdrawn.

On SQLite, a later migration that alters one of these tables re-creates it, which drops its triggers. Such a migration
must call `remove` first and `install` afterwards.
"""

from typing import Any

from gradus import cross_table_rules
from gradus.accounts.triggers import ERASED
from gradus.cross_table_rules import Rule

GUEST = "EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)"
ELSEWHERE = """(SELECT of_class_id FROM classes_member WHERE id = NEW.member_id)
    <> (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id)"""
RULES = {
    "classes_member_is_no_guest": Rule("classes_member", "INSERT", GUEST, "a guest is no member of a class"),
    "classes_member_becomes_no_guest": Rule(
        "classes_member",
        "UPDATE OF user_id",
        GUEST,
        "a guest is no member of a class",
    ),
    "classes_member_stays": Rule(
        "classes_member",
        "UPDATE OF of_class_id",
        "OLD.of_class_id <> NEW.of_class_id",
        "a member stays in the class",
    ),
    "classes_label_stays": Rule(
        "classes_label",
        "UPDATE OF of_class_id",
        "OLD.of_class_id <> NEW.of_class_id",
        "a label stays in its class",
    ),
    "classes_class_stays": Rule(
        "classes_class",
        "UPDATE OF course_id",
        "OLD.course_id <> NEW.course_id",
        "a class stays in its course",
    ),
    "classes_member_labels_agree": Rule(
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
    "classes_daterule_begins": Rule("classes_daterule", "INSERT", FOREIGN, FOREIGN_SAID),
    "classes_daterule_stays": Rule("classes_daterule", f"UPDATE OF {NAMED}", FOREIGN, FOREIGN_SAID),
    "classes_grant_begins": Rule("classes_grant", "INSERT", GRANTED_ELSEWHERE, GRANTED_SAID),
    "classes_grant_moves": Rule("classes_grant", "UPDATE OF member_id, challenge_id", GRANTED_ELSEWHERE, GRANTED_SAID),
    "classes_grant_stays": Rule(
        "classes_grant",
        "UPDATE OF challenge_id, attempts, reason",
        "OLD.challenge_id <> NEW.challenge_id OR OLD.attempts <> NEW.attempts OR OLD.reason <> NEW.reason",
        "a grant stays as it is",
    ),
}


IS_OTHER = "(NEW.withdrawn_at IS NULL OR NEW.withdrawn_at <> OLD.withdrawn_at)"
WITHDRAWALS = {
    "classes_grant_stays_withdrawn": Rule(
        "classes_grant",
        "UPDATE OF withdrawn_at",
        f"OLD.withdrawn_at IS NOT NULL AND {IS_OTHER}",
        "a grant that was withdrawn stays so",
    ),
}


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES)


def install_dates(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, DATE_RULES)


def remove_dates(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, DATE_RULES)


def install_withdrawals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, WITHDRAWALS)


def remove_withdrawals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, WITHDRAWALS)


OF_A_DELETED = """EXISTS (SELECT 1 FROM classes_member AS member JOIN accounts_user AS person
    ON person.id = member.user_id AND person.deleted_at IS NOT NULL WHERE member.id = OLD.member_id)"""
FORGETTING = {
    "classes_grant_stays": Rule(
        "classes_grant",
        "UPDATE OF challenge_id, attempts, reason",
        f"""OLD.challenge_id <> NEW.challenge_id OR OLD.attempts <> NEW.attempts
    OR (OLD.reason <> NEW.reason AND NOT (NEW.reason = '{ERASED}' AND {OF_A_DELETED}))""",
        "a grant stays as it is",
    ),
}


def install_forgetting(apps: Any, schema_editor: Any) -> None:
    """Lets the reasons of grants go with an account that is deleted, in place of the rule that has the same name."""
    cross_table_rules.remove(schema_editor, FORGETTING)
    cross_table_rules.install(schema_editor, FORGETTING)


def remove_forgetting(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, FORGETTING)
    cross_table_rules.install(schema_editor, {name: DATE_RULES[name] for name in FORGETTING})


MANAGED_ELSEWHERE = """(SELECT member.of_class_id FROM classes_member AS member
    JOIN classes_managed AS managed ON managed.member_id = member.id WHERE managed.id = NEW.managed_id)
    <> (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id)"""
NOBODY = "(SELECT user_id FROM classes_member WHERE id = NEW.member_id) IS NULL"
MANAGED = {
    "classes_managed_labels_agree": Rule(
        "classes_managed_labels", "INSERT", MANAGED_ELSEWHERE, "a managed label is one of the class of the member"
    ),
    "classes_managed_has_an_account": Rule(
        "classes_managed", "INSERT", NOBODY, "only a member with an account has a managed place"
    ),
    "classes_managed_source_stays": Rule(
        "classes_managed", "UPDATE OF source", "OLD.source <> NEW.source", "a managed place stays with its source"
    ),
}


def install_managed(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, MANAGED)


def remove_managed(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, MANAGED)
