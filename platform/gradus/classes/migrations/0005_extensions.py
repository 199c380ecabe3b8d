"""Extensions of their own, which hold for all in a place, and granted attempts that can be withdrawn."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gradus.classes import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0004_announcements"),
        ("courses", "0011_uploads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # On SQLite, the changes below make the tables anew, without their triggers.
        migrations.RunPython(triggers.remove_dates, triggers.install_dates),
        migrations.RemoveField(
            model_name="daterule",
            name="version",
        ),
        migrations.AddField(
            model_name="daterule",
            name="extended_to",
            field=models.DateTimeField(blank=True, null=True, verbose_name="more time until"),
        ),
        migrations.AddField(
            model_name="grant",
            name="withdrawn_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="grant",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="withdrawn_reason",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddConstraint(
            model_name="daterule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("extended_to__isnull", True), ("label__isnull", False), ("member__isnull", False), _connector="OR"
                ),
                name="an_extension_is_for_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="daterule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("extended_to__isnull", True), models.Q(("reason", ""), _negated=True), _connector="OR"
                ),
                name="an_extension_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawn_at__isnull", True), ("withdrawn_reason", "")),
                    models.Q(("withdrawn_at__isnull", False), models.Q(("withdrawn_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="grant_is_withdrawn_with_a_reason",
            ),
        ),
        migrations.RunPython(triggers.install_dates, triggers.remove_dates),
        migrations.RunPython(triggers.install_withdrawals, triggers.remove_withdrawals),
    ]
