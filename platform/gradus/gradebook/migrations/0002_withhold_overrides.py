"""Each override says whether it is withheld from its learner."""

from django.conf import settings
from django.db import migrations, models

from gradus.gradebook import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0003_release_rules"),
        ("courses", "0011_uploads"),
        ("gradebook", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite makes the table anew, which drops its triggers.
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.AddField(
            model_name="override",
            name="withheld",
            field=models.BooleanField(
                default=False, help_text="The learner has not seen it; never set again once false"
            ),
        ),
        migrations.AddIndex(
            model_name="override",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True), ("withheld", True)),
                fields=["challenge"],
                name="withheld_overrides",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
