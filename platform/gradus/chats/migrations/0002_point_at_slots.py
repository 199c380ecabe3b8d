"""Each message points at its slot in the table that all limits share."""

from datetime import date
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

DAY, COUNT = models.DateField, models.PositiveSmallIntegerField


def forwards(apps: Any, schema_editor: Any) -> None:
    slots = apps.get_model("submissions", "Slot").objects
    for row in apps.get_model("chats", "ChatMessage").objects.iterator(500):
        row.slot = slots.create(
            limit="chat_messages",
            user_id=row.user_id,
            period=row.day.isoformat(),
            number=row.number_of_day,
            allowed=row.allowed,
            run_id=row.run_id,
        )
        row.save(update_fields=["slot"])
    # PostgreSQL alters no table while a check of its foreign keys is due.
    schema_editor.connection.check_constraints()


def backwards(apps: Any, schema_editor: Any) -> None:
    for row in apps.get_model("chats", "ChatMessage").objects.select_related("slot").iterator(500):
        row.day, row.number_of_day = date.fromisoformat(row.slot.period), row.slot.number
        row.allowed, row.slot = row.slot.allowed, None
        row.save(update_fields=["day", "number_of_day", "allowed", "slot"])
    apps.get_model("submissions", "Slot").objects.filter(limit="chat_messages").delete()
    schema_editor.connection.check_constraints()


def slot(**values: Any) -> Any:
    on_delete = django.db.models.deletion.RESTRICT
    return models.OneToOneField(on_delete=on_delete, related_name="+", to="submissions.slot", **values)


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0001_chat_messages"),
        ("submissions", "0010_one_table_of_slots"),
    ]

    operations = [
        migrations.RemoveConstraint("ChatMessage", "one_chat_message_in_a_slot"),
        migrations.RemoveConstraint("ChatMessage", "chat_slot_within_allowed"),
        migrations.RenameField("ChatMessage", "slot", "number_of_day"),
        migrations.AddField("ChatMessage", "slot", slot(null=True)),
        # They may be empty until the rows have been carried back.
        migrations.AlterField("ChatMessage", "day", DAY(null=True)),
        migrations.AlterField("ChatMessage", "number_of_day", COUNT(null=True)),
        migrations.AlterField("ChatMessage", "allowed", COUNT(null=True)),
        migrations.RunPython(forwards, backwards),
        migrations.RemoveField("ChatMessage", "day"),
        migrations.RemoveField("ChatMessage", "number_of_day"),
        migrations.RemoveField("ChatMessage", "allowed"),
        migrations.AlterField("ChatMessage", "slot", slot()),
    ]
