"""Each report points at its slot in the table that all limits share."""

from datetime import date
from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def forwards(apps: Any, schema_editor: Any) -> None:
    slots = apps.get_model("submissions", "Slot").objects
    for row in apps.get_model("reports", "ReportSlot").objects.select_related("report").iterator(500):
        row.report.slot = slots.create(
            limit="reports",
            user_id=row.user_id,
            scope=f"challenge {row.challenge_id}",
            period=row.day.isoformat(),
            number=row.slot,
            allowed=row.allowed,
        )
        row.report.save(update_fields=["slot"])
    # PostgreSQL alters no table while a check of its foreign keys is due.
    schema_editor.connection.check_constraints()


def backwards(apps: Any, schema_editor: Any) -> None:
    old = apps.get_model("reports", "ReportSlot").objects
    for report in apps.get_model("reports", "ProblemReport").objects.filter(slot__isnull=False).select_related("slot"):
        slot = report.slot
        old.create(
            user_id=slot.user_id,
            challenge_id=int(slot.scope.removeprefix("challenge ")),
            day=date.fromisoformat(slot.period),
            slot=slot.number,
            allowed=slot.allowed,
            report_id=report.pk,
        )
    apps.get_model("reports", "ProblemReport").objects.update(slot=None)
    apps.get_model("submissions", "Slot").objects.filter(limit="reports").delete()
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_initial"),
        ("submissions", "0010_one_table_of_slots"),
    ]

    operations = [
        # Its other end was called `slot`.
        migrations.AlterField(
            "reportslot",
            "report",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="reports.problemreport"
            ),
        ),
        migrations.AddField(
            "problemreport",
            "slot",
            models.OneToOneField(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="submissions.slot",
            ),
        ),
        migrations.RunPython(forwards, backwards),
        migrations.DeleteModel("ReportSlot"),
    ]
