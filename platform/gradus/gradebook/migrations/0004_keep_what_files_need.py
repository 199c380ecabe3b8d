import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def compute_again(apps, schema_editor):
    """The new columns of cells that are there are filled by the reconciler, or by the first export."""
    cells = apps.get_model("gradebook", "Cell").objects
    recount = apps.get_model("gradebook", "Recount")
    classes = cells.order_by().values_list("member__of_class", flat=True).distinct()
    recount.objects.bulk_create([recount(of_class_id=key) for key in classes])


class Migration(migrations.Migration):
    dependencies = [("gradebook", "0003_withhold_what_rules_withhold")]

    operations = [
        migrations.CreateModel(
            name="Recount",
            fields=[
                (
                    "of_class",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="recount",
                        serialize=False,
                        to="classes.class",
                    ),
                ),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name="cell",
            name="grader",
            field=models.CharField(blank=True, default="", help_text="Who verified the score", max_length=8),
        ),
        migrations.AddField(model_name="cell", name="submitted_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="cell",
            name="version",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="courses.challengeversion",
            ),
        ),
        migrations.RunPython(compute_again, migrations.RunPython.noop),
    ]
