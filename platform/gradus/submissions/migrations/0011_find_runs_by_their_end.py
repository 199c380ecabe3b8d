from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0010_one_table_of_slots"),
    ]

    operations = [
        migrations.AddIndex("run", models.Index(fields=["expires_at"], name="runs_by_their_end")),
    ]
