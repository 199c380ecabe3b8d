"""A review may have no score of the machine, where only a person can mark the answer."""

from django.db import migrations, models

from gradus.reviews import triggers


class Migration(migrations.Migration):
    dependencies = [("reviews", "0010_rows_that_gold_rows_quote")]

    operations = [
        # SQLite makes the table anew, which drops its triggers.
        migrations.RunPython(triggers.remove_forgetting, triggers.install_forgetting),
        migrations.RunPython(triggers.remove_decisions, triggers.install_decisions),
        migrations.AlterField(
            model_name="review",
            name="predicted",
            field=models.FloatField(blank=True, help_text="The machine's score; none where it knew nothing", null=True),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("predicted__isnull", False), models.Q(("in_bulk", False), ("kind", "review")), _connector="OR"
                ),
                name="only_a_plain_review_has_no_estimate",
            ),
        ),
        migrations.RunPython(triggers.install_decisions, triggers.remove_decisions),
        migrations.RunPython(triggers.install_forgetting, triggers.remove_forgetting),
    ]
