"""A review may follow the decision about a later attempt with the same text, or end because it was withdrawn."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gradus.reviews import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("reviews", "0005_gold_rows_of_decisions"),
        ("submissions", "0015_agree_to_withdraw"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite makes the table anew, which drops its triggers.
        migrations.RunPython(triggers.remove_decisions, triggers.install_decisions),
        migrations.AddField(
            model_name="review",
            name="follows",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="followers",
                to="reviews.review",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="withdrawn_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_at__isnull", True), ("withdrawn_at__isnull", True), _connector="OR"),
                name="decided_or_withdrawn",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "audit"), _negated=True),
                    models.Q(("follows__isnull", True), ("withdrawn_at__isnull", True)),
                    _connector="OR",
                ),
                name="an_audit_neither_follows_nor_is_withdrawn",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("follows", models.F("id")), _negated=True), name="nothing_follows_itself"
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("locked_by__isnull", True),
                    models.Q(("follows__isnull", True), ("withdrawn_at__isnull", True)),
                    _connector="OR",
                ),
                name="only_what_waits_is_locked",
            ),
        ),
        migrations.RunPython(triggers.install_decisions, triggers.remove_decisions),
    ]
