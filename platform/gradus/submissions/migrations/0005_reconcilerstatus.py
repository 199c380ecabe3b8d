import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("submissions", "0004_persons_scores_name_the_person")]

    operations = [
        migrations.CreateModel(
            name="ReconcilerStatus",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                ("last_run", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("done", models.JSONField(default=dict)),
                ("broken", models.JSONField(default=dict, help_text="Invariants that do not hold, with counts")),
            ],
            options={"verbose_name_plural": "reconciler statuses"},
        ),
    ]
