"""The triggers that keep an attempt in its class and season, grades that do not count out of the standings, a used
grant in force, and budgets within what they allow.

A later migration that alters the table of attempts, standings, slots or grants on SQLite makes it anew: it has
to call `remove` first, and `install` afterwards.
"""

from typing import Any

from gradus import cross_table_rules
from gradus.cross_table_rules import Rule

ATTEMPTS, STANDINGS = "submissions_submission", "submissions_standing"
NO_MEMBER = """NEW.of_class_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM classes_member WHERE of_class_id = NEW.of_class_id AND user_id = NEW.user_id)"""
HAS_SCORE = """EXISTS (SELECT 1 FROM submissions_score JOIN submissions_evaluation
    ON submissions_evaluation.id = submissions_score.evaluation_id
    WHERE submissions_evaluation.submission_id = NEW.id)"""
WITHHOLDS_MORE = """(NEW.grade_withheld AND NOT OLD.grade_withheld)
    OR (NEW.details_withheld AND NOT OLD.details_withheld)"""
IS_WITHHELD = "EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND grade_withheld)"
STAYS = "COALESCE(OLD.of_class_id, 0) <> COALESCE(NEW.of_class_id, 0)"
RULES = {
    "submissions_class_of_a_member": Rule(
        ATTEMPTS, "INSERT", NO_MEMBER, "an attempt counts for a class of its learner"
    ),
    "submissions_class_stays": Rule(ATTEMPTS, "UPDATE OF of_class_id", STAYS, "an attempt stays in its class"),
    "submissions_grade_stays_released": Rule(
        ATTEMPTS,
        "UPDATE OF grade_withheld, details_withheld",
        f"({WITHHOLDS_MORE}) AND {HAS_SCORE}",
        "a grade that was shown is not withheld again",
    ),
    "submissions_standing_is_released": Rule(
        STANDINGS, "INSERT", IS_WITHHELD, "a standing is made of grades that are released"
    ),
    "submissions_standing_stays_released": Rule(
        STANDINGS, "UPDATE OF submission_id", IS_WITHHELD, "a standing is made of grades that are released"
    ),
}
IS_ANNULLED = """EXISTS (
    SELECT 1 FROM submissions_annulment WHERE submission_id = NEW.id AND ended_at IS NULL)"""
COUNTS_NOT = "EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND annulled)"
BOARD_RULES = {
    "submissions_season_stays": Rule(
        ATTEMPTS, "UPDATE OF season", "NEW.season <> OLD.season", "an attempt stays in its season"
    ),
    "submissions_annulled_with_a_reason": Rule(
        ATTEMPTS,
        "UPDATE OF annulled",
        f"NEW.annulled <> {IS_ANNULLED}",
        "an attempt is annulled as long as an annulment stands",
    ),
    "submissions_standing_counts": Rule(
        STANDINGS, "INSERT", COUNTS_NOT, "a standing is made of attempts that are not annulled"
    ),
    "submissions_standing_still_counts": Rule(
        STANDINGS, "UPDATE OF submission_id", COUNTS_NOT, "a standing is made of attempts that are not annulled"
    ),
}

# How many of the granted attempts a member has used, and how many remain granted without this grant.
USED = """(SELECT COUNT(*) FROM submissions_slot WHERE "limit" = 'granted_attempts'
    AND user_id = (SELECT user_id FROM classes_member WHERE id = NEW.member_id)
    AND scope = 'challenge ' || NEW.challenge_id || ', of_class '
    || (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id))"""
REMAINING = """(SELECT COALESCE(SUM(attempts), 0) FROM classes_grant WHERE withdrawn_at IS NULL
    AND member_id = NEW.member_id AND challenge_id = NEW.challenge_id AND id <> NEW.id)"""
WITHDRAWALS = {
    "submissions_used_grant_stays": Rule(
        "classes_grant",
        "UPDATE OF withdrawn_at",
        f"NEW.withdrawn_at IS NOT NULL AND {USED} > {REMAINING}",
        "granted attempts that were used stay granted",
    ),
}

GONE = "EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND deleted_at IS NOT NULL)"
GRADED_GONE = """NEW.state IN ('queued', 'running') AND EXISTS (
    SELECT 1 FROM submissions_submission AS attempt JOIN accounts_user AS person ON person.id = attempt.user_id
    WHERE attempt.id = NEW.submission_id AND person.deleted_at IS NOT NULL)"""
DELETED_RULES = {
    "submissions_not_of_a_deleted_account": Rule(ATTEMPTS, "INSERT", GONE, "a deleted account hands nothing in"),
    "submissions_run_not_of_a_deleted": Rule("submissions_run", "INSERT", GONE, "a deleted account hands nothing in"),
    "submissions_deleted_is_not_graded": Rule(
        "submissions_evaluation", "INSERT", GRADED_GONE, "attempts of a deleted account have nothing to grade"
    ),
}

# A budget is overrun by none who asks at the same time as others, whatever the code has read before.
QUOTA = "SELECT {} FROM submissions_quota WHERE id = NEW.quota_id"
QUOTA_RULES = {
    "submissions_quota_is_kept": Rule(
        "submissions_quotause",
        "UPDATE OF held",
        f"NEW.held > OLD.held AND (NEW.used + NEW.held > ({QUOTA.format('allowed')})"
        f" OR ({QUOTA.format('ended_at')}) IS NOT NULL)",
        "no more is held than the budget allows",
    ),
    "submissions_quota_stays": Rule(
        "submissions_quota",
        "UPDATE",
        "NEW.allowed <> OLD.allowed OR NEW.what <> OLD.what OR NEW.period <> OLD.period OR OLD.ended_at IS NOT NULL",
        "a budget is not changed: it ends, and another one follows",
    ),
}


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES)


def install_withdrawals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, WITHDRAWALS)


def remove_withdrawals(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, WITHDRAWALS)


def install_boards(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RULES | BOARD_RULES)


def remove_boards(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES | BOARD_RULES)


def install_deleted(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, DELETED_RULES)


def remove_deleted(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, DELETED_RULES)


def install_quotas(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, QUOTA_RULES)


def remove_quotas(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, QUOTA_RULES)
