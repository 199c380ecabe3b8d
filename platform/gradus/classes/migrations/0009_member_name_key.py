"""Adds what members are sorted by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classes", "0008_release_provisional")]

    operations = [
        # On SQLite, Django would make the table anew, and the triggers of eight other tables name it.
        migrations.RunSQL(
            "ALTER TABLE classes_member ADD COLUMN name_key varchar(1024) DEFAULT '' NOT NULL",
            "ALTER TABLE classes_member DROP COLUMN name_key",
            state_operations=[
                migrations.AddField(
                    model_name="member",
                    name="name_key",
                    field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=1024),
                ),
            ],
        ),
    ]
