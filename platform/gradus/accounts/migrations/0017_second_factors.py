"""An account keeps when the pages of staff begin to need its second factor."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_lost_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="second_factor_due_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="When staff's pages begin to need a second factor", null=True
            ),
        ),
    ]
