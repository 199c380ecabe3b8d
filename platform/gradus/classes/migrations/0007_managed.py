"""Marks what a provider of sign-in or a learning platform gives a member of a class."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from gradus.classes import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0006_forget_deleted_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Managed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", models.CharField(max_length=60)),
                (
                    "learner_data",
                    models.CharField(
                        choices=[("none", "None"), ("viewer", "Viewer"), ("editor", "Editor")],
                        default="none",
                        max_length=6,
                    ),
                ),
                (
                    "own_learner_data",
                    models.CharField(
                        choices=[("none", "None"), ("viewer", "Viewer"), ("editor", "Editor")],
                        default="none",
                        max_length=6,
                    ),
                ),
                (
                    "made_member",
                    models.BooleanField(
                        default=False, help_text="Whether the person is in the class because of it alone"
                    ),
                ),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("labels", models.ManyToManyField(blank=True, related_name="+", to="classes.label")),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="managed", to="classes.member"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("member", "source"), name="one_managed_place_of_a_source"),
                    models.CheckConstraint(
                        condition=models.Q(("source", ""), _negated=True), name="managed_place_has_a_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("learner_data__in", ["none", "viewer", "editor"])),
                        name="managed_role_is_a_level",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("own_learner_data__in", ["none", "viewer", "editor"])),
                        name="managed_own_role_is_a_level",
                    ),
                ],
            },
        ),
        migrations.RunPython(triggers.install_managed, triggers.remove_managed),
    ]
