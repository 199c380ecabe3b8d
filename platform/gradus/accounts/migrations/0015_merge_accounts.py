"""Two accounts of one person become one, with consent from both."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from gradus.accounts import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0014_names_in_the_admin"),
    ]

    operations = [
        # On the way back, SQLite makes the table anew.
        migrations.RunPython(migrations.RunPython.noop, triggers.restore),
        migrations.AddField(
            model_name="user",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="The account that has everything of this one, which is closed for good",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="merged_accounts",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, triggers.lift),
        migrations.CreateModel(
            name="Merge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("proposed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        help_text="Of staff. The owner of the accounts reads it",
                        max_length=500,
                        verbose_name="reason",
                    ),
                ),
                ("kept_agreed_at", models.DateTimeField(editable=False, null=True)),
                ("gone_agreed_at", models.DateTimeField(editable=False, null=True)),
                ("merged_at", models.DateTimeField(editable=False, null=True)),
                ("moved", models.JSONField(default=dict, help_text="How many rows of each kind were moved")),
                (
                    "ended_at",
                    models.DateTimeField(editable=False, help_text="When it was refused or withdrawn", null=True),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "gone",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="merges_into_others",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "kept",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="merges", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kept", models.F("gone")), _negated=True), name="two_accounts_are_merged"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("merged_at", None),
                            models.Q(
                                ("ended_at", None), ("gone_agreed_at__isnull", False), ("kept_agreed_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="merged_with_both_consents",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None), ("merged_at", None)),
                        fields=("kept",),
                        name="one_open_merge_into",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None), ("merged_at", None)),
                        fields=("gone",),
                        name="one_open_merge_of",
                    ),
                ],
            },
        ),
        migrations.RunPython(triggers.install_merged, triggers.remove_merged),
    ]
