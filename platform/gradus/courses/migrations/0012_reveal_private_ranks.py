from django.db import migrations, models

from gradus.courses import triggers


class Migration(migrations.Migration):
    dependencies = [("courses", "0011_uploads")]

    operations = [
        migrations.AlterField(
            model_name="course",
            name="frozen_at",
            field=models.DateTimeField(
                blank=True, help_text="Leaderboards close: later attempts have no rank", null=True
            ),
        ),
        migrations.AddField(
            model_name="course",
            name="reveal_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Closed leaderboards show private ranks from then on; without it, as soon as they close",
                null=True,
            ),
        ),
        migrations.RunPython(triggers.install_reveals, triggers.remove_reveals),
    ]
