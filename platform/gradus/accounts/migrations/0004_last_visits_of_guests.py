from typing import Any

from django.db import migrations, models
from django.utils import timezone


def visited_now(apps: Any, schema_editor: Any) -> None:
    """When the guests of before were here is not known. They are kept as if they had just been."""
    apps.get_model("accounts", "User").objects.filter(is_guest=True).update(last_visit=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_counts_without_redis"),
    ]

    operations = [
        # Without a default, because SQLite would make the table anew, which drops its trigger.
        migrations.AddField(
            "user",
            "last_visit",
            models.DateTimeField(blank=True, editable=False, help_text="Of a guest, up to an hour old", null=True),
        ),
        migrations.AddIndex(
            "user",
            models.Index(condition=models.Q(("is_guest", True)), fields=["last_visit"], name="guests_by_visit"),
        ),
        migrations.RunPython(visited_now, migrations.RunPython.noop),
    ]
