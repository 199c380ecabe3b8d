from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("courses", "0003_ids_within_a_course_and_kept_outcomes")]

    operations = [
        # Reports that are stored already were made by the first rules.
        migrations.AddField("calibration", "rules", models.PositiveSmallIntegerField(default=2, db_default=1)),
    ]
