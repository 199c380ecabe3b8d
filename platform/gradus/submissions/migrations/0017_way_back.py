"""Prepares the way back to 0.3.0, which knows no drafts, and no lint or proofs by workers.

It comes after all that its way back needs, and so removes rows in a transaction of its own: PostgreSQL alters no table
from which rows were removed in the same one.
"""

from typing import Any

from django.db import migrations

# 0.3.0 publishes each version without a date once it is verified, so those of drafts go, unless an attempt has one.
STAGED = """SELECT id FROM courses_challengeversion WHERE NOT goes_live AND published_at IS NULL
AND id NOT IN (SELECT version_id FROM submissions_submission)
AND id NOT IN (SELECT graded_version_id FROM submissions_evaluation WHERE graded_version_id IS NOT NULL)"""
RUNS = "SELECT id FROM submissions_run WHERE purpose IN ('lint', 'proof') OR version_id IN ({staged})"
ROWS = (
    "DELETE FROM submissions_event WHERE evaluation_id IN"
    " (SELECT id FROM submissions_evaluation WHERE run_id IN ({runs}))",
    "DELETE FROM submissions_slot WHERE run_id IN ({runs})",
    "DELETE FROM submissions_evaluation WHERE run_id IN ({runs})",
    "DELETE FROM submissions_run WHERE id IN ({runs})",
    "DELETE FROM courses_calibration WHERE version_id IN ({staged})",
    "DELETE FROM courses_challengeversion WHERE id IN ({staged})",
)


def remove(apps: Any, schema_editor: Any) -> None:
    """Removes what 0.3.0 has no word for or would publish, in SQL: Django mixes up models of several states here."""
    runs = RUNS.format(staged=STAGED)
    for statement in ROWS:
        schema_editor.execute(statement.format(runs=runs, staged=STAGED))


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0011_uploads"),
        ("submissions", "0016_verify_on_workers"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, remove),
    ]
