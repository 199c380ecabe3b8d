from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reviews", "0003_name_who_decided_and_how_appeals_ended")]

    operations = [
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)), fields=("submission",), name="one_open_appeal"
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at__isnull", False), ("stage", "closed"), models.Q(("outcome", ""), _negated=True)
                    ),
                    models.Q(
                        models.Q(("stage", "closed"), _negated=True), ("closed_at__isnull", True), ("outcome", "")
                    ),
                    _connector="OR",
                ),
                name="a_closed_appeal_has_an_outcome",
            ),
        ),
    ]
