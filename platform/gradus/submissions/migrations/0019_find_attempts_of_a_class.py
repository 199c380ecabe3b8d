"""Finds the attempts of a learner for a class, which each grade and each gradebook asks for."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0004_announcements"),
        ("courses", "0011_uploads"),
        ("submissions", "0018_withhold_grades"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("of_class__isnull", False)),
                fields=["of_class", "user", "challenge"],
                name="attempts_of_a_class",
            ),
        ),
    ]
