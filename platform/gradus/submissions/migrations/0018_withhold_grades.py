"""An attempt counts for a class, which may withhold its grade from the learner; triggers keep to both."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0001_initial"),
        ("courses", "0011_uploads"),
        ("submissions", "0017_way_back"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="details_withheld",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="submission",
            name="grade_withheld",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="submission",
            name="of_class",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="The class for which it counts, for ever; none where it is self-study",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="submissions",
                to="classes.class",
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("details_withheld", True)),
                fields=["of_class", "challenge", "user"],
                name="withheld",
            ),
        ),
        migrations.AddConstraint(
            model_name="submission",
            constraint=models.CheckConstraint(
                condition=models.Q(("grade_withheld", False), ("details_withheld", True), _connector="OR"),
                name="no_details_without_the_grade",
            ),
        ),
        migrations.AddConstraint(
            model_name="submission",
            constraint=models.CheckConstraint(
                condition=models.Q(("details_withheld", False), ("of_class__isnull", False), _connector="OR"),
                name="only_a_class_withholds",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
