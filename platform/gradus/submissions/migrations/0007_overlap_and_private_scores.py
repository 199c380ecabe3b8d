from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("submissions", "0006_boards_and_queues_of_a_million")]

    operations = [
        migrations.AddField(
            model_name="evaluation",
            name="overlap",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Hidden rows, or gold answers, that were handed in; never shown to a learner",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.CheckConstraint(
                condition=models.Q(("submission__isnull", False), ("overlap", 0), _connector="OR"),
                name="a_run_meets_no_hidden_row",
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("private_value__isnull", True),
                    models.Q(("private_value__gte", 0), ("private_value__lte", 1)),
                    _connector="OR",
                ),
                name="private_in_unit",
            ),
        ),
    ]
