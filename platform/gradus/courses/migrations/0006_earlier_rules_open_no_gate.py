from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("courses", "0005_shut_gates_of_earlier_rules")]

    operations = [
        migrations.AddConstraint(
            "calibration",
            models.CheckConstraint(
                name="earlier_rules_pass_nothing", condition=Q(("passed", False), ("rules__gte", 2), _connector="OR")
            ),
        ),
    ]
